#include <fstream>

#include "compiler/json.h"
#include "runtime/core/random.h"
#include "runtime/session/train_session.h"
#include "runtime/weights/safetensors.h"
#include "tests/datasets/scratch.h"
#include "tests/session/compiled.h"

// AdamW through the compiler and a training session: a course of 50 steps against a naive one in double, and
// courses that are stopped and go on from a file.
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kImages = 2;
constexpr std::int64_t kSide = 8;
constexpr std::int64_t kPixels = kImages * kSide * kSide;
constexpr std::size_t kClasses = 5;
constexpr std::size_t kChannels = 3;

// Multinomial logistic regression of each pixel: its course has no kinks.
constexpr const char* kRegression = R"({
  "inputs": {"image": {"shape": ["N", 3, "H", "W"]}, "label": {"shape": ["N", "H", "W"], "dtype": "i32"}},
  "graph": [{"op": "conv2d", "as": "score", "out_channels": 5, "kernel": 1, "bias": true, "out": "logits"}],
  "outputs": {"logits": "logits"},
  "losses": {"main": {"op": "cross_entropy", "logits": "logits", "label": "label"}},
  "train": {"optimizer": {"op": "adamw", "weight_decay": 0.05, "beta2": 0.99},
            "groups": [{"match": {"operand": "bias"}, "lr_mult": 2}, {"match": "*"}]}
})";

std::shared_ptr<const model::Program> regression() {
  const Scratch folder;
  std::ofstream(folder / "net.json") << kRegression;
  compiler::Compiled compiled = compiler::compile(folder / "net.json", {}, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

struct Samples {
  std::vector<float> image;  // NHWC
  std::vector<std::int32_t> label;
};
Samples samples(std::uint64_t step) {
  core::Random random(step, core::RandomPurpose::test);
  Samples made;
  for (std::int64_t i = 0; i < kPixels * 3; ++i)
    made.image.push_back(static_cast<float>(random.next_between(-2, 2)));
  for (std::int64_t i = 0; i < kPixels; ++i)
    made.label.push_back(static_cast<std::int32_t>(random.next_below(kClasses)));
  return made;
}
void fill(session::TrainSession& session, model::Backend& backend, const Samples& data) {
  store<float>(backend, data.image, session.image());
  store<std::int32_t>(backend, data.label, session.label());
}

// The parameters of one tensor with their states, and one of AdamW's steps (Loshchilov and Hutter 2019,
// algorithm 2).
struct Tensor {
  std::vector<double> p, g, m, v;
  explicit Tensor(std::vector<double> start)
      : p(std::move(start)), g(p.size()), m(p.size(), 0), v(p.size(), 0) {}
  void update(int t, double rate, double decay) {
    for (std::size_t k = 0; k < p.size(); ++k) {
      m[k] = 0.9 * m[k] + 0.1 * g[k];
      v[k] = 0.99 * v[k] + 0.01 * g[k] * g[k];
      const double mean = m[k] / (1 - std::pow(0.9, t)), square = v[k] / (1 - std::pow(0.99, t));
      p[k] -= rate * decay * p[k] + rate * mean / (std::sqrt(square) + 1e-8);
    }
  }
};

// Loss and gradients of softmax regression.
double regress(const Samples& data, Tensor& weight, Tensor& bias) {
  std::ranges::fill(weight.g, 0);
  std::ranges::fill(bias.g, 0);
  double loss = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(kPixels); ++i) {
    const float* x = data.image.data() + i * kChannels;
    std::array<double, kClasses> score{};
    double sum = 0;
    for (std::size_t c = 0; c < kClasses; ++c) {
      score[c] = bias.p[c];
      for (std::size_t k = 0; k < kChannels; ++k) score[c] += weight.p[c * kChannels + k] * double{x[k]};
      sum += std::exp(score[c]);
    }
    const auto label = static_cast<std::size_t>(data.label[i]);
    loss += std::log(sum) - score[label];
    for (std::size_t c = 0; c < kClasses; ++c) {
      const double g = (std::exp(score[c]) / sum - (c == label ? 1 : 0)) / kPixels;
      bias.g[c] += g;
      for (std::size_t k = 0; k < kChannels; ++k) weight.g[c * kChannels + k] += g * double{x[k]};
    }
  }
  return loss / kPixels;
}

TensorView variable(const model::Program& program, const weights::Weights& weights, const std::string& name) {
  const model::Variable* found = program.model().variable(name);
  BOOST_REQUIRE_MESSAGE(found != nullptr, name);
  return weights.variable(static_cast<std::size_t>(found - program.model().variables.data()));
}

void check_close(const std::vector<float>& actual, const std::vector<double>& expected, double bar) {
  for (std::size_t k = 0; k < expected.size(); ++k)
    BOOST_TEST(std::abs(actual[k] - expected[k]) < bar * std::max(1.0, std::abs(expected[k])));
}

// spnet_tiny with dropout, so that a step depends on all that a checkpoint holds.
std::shared_ptr<const model::Program> network() {
  compiler::Compiled compiled =
      compiler::compile(kSource / "graphs" / "spnet_tiny.json",
                        std::vector<compiler::Definition>{{"width", 8}, {"dropout", 0.3}}, ops::op_registry(),
                        {.optimizer = "adamw"});
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

std::shared_ptr<const model::Program> adamw_program() {
  compiler::Compiled compiled =
      compiler::compile(kSource / "tests/golden/adamw/net.json", {}, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

struct Course {
  std::shared_ptr<weights::Weights> weights;
  std::unique_ptr<session::TrainSession> session;
  std::vector<double> losses;
};
Course begin(const std::shared_ptr<const model::Program>& program) {
  Course course;
  course.weights = take(weights::Weights::initialise(*program, 5, test_backend()));
  course.session = take(session::TrainSession::create(program, course.weights, {.n = 2, .h = 33, .w = 33}));
  return course;
}
void steps(Course& course, int from, int to) {
  model::Backend& backend = *course.weights->backend();
  for (int step = from; step < to; ++step) {
    core::Random random(static_cast<std::uint64_t>(step), core::RandomPurpose::test);
    std::vector<float> image(2 * 3 * 33 * 33);
    std::vector<std::int32_t> label(2 * 33 * 33);
    for (float& value : image) value = static_cast<float>(random.next_between(-2, 2));
    for (std::int32_t& value : label) value = static_cast<std::int32_t>(random.next_below(5));
    store<float>(backend, image, course.session->image());
    store<std::int32_t>(backend, label, course.session->label());
    require_ok(course.session->compute({7, step, 0}));
    course.losses.push_back(*course.session->scalar("loss"));
    require_ok(course.session->update(1e-3));
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(fifty_steps_of_adamw) {
  const auto program = regression();
  const auto weights = take(weights::Weights::initialise(*program, 3, test_backend()));
  model::Backend& backend = *weights->backend();
  const auto session =
      take(session::TrainSession::create(program, weights, {.n = kImages, .h = kSide, .w = kSide}));
  const auto start = [&](const std::string& name) {
    const std::vector<float> values = fetch(backend, variable(*program, *weights, name));
    return Tensor(std::vector<double>(values.begin(), values.end()));
  };
  Tensor weight = start("score.weight");
  Tensor bias = start("score.bias");
  constexpr int kSteps = 50;
  constexpr double kDecay = 0.05;
  for (int t = 1; t <= kSteps; ++t) {
    const Samples data = samples(static_cast<std::uint64_t>(t));
    const double rate = 0.02 * (1 - t / 60.0);
    fill(*session, backend, data);
    require_ok(session->compute({}));
    const double loss = regress(data, weight, bias);
    BOOST_TEST(std::abs(*session->scalar("loss") / loss - 1) < 1e-6);
    require_ok(session->update(rate));
    // Biases do not decay, and theirs is twice the rate.
    const double given = static_cast<float>(rate);
    weight.update(t, given, kDecay);
    bias.update(t, 2 * given, 0);
  }
  check_close(fetch(backend, variable(*program, *weights, "score.weight")), weight.p, 1e-5);
  check_close(fetch(backend, variable(*program, *weights, "score.bias")), bias.p, 1e-5);
  check_close(fetch(backend, variable(*program, *weights, "mean:score.weight")), weight.m, 1e-6);
  check_close(fetch(backend, variable(*program, *weights, "square:score.bias")), bias.v, 1e-6);
  for (const char* count : {"step:update.0", "step:update.1"})
    BOOST_TEST(fetch(backend, variable(*program, *weights, count))[0] == kSteps);
}

// Of a whole network, against PyTorch in f64 (tests/oracle/golden_adamw.py).
BOOST_AUTO_TEST_CASE(fifty_steps_as_pytorch_does_them) {
  const std::filesystem::path golden = kSource / "tests/golden/adamw";
  compiler::Diagnostics diagnostics;
  compiler::JsonBudget budget;
  const auto json = compiler::read_json(golden / "losses.json", "losses.json", budget, diagnostics);
  BOOST_REQUIRE(json && json->find("f64"));
  const std::vector<compiler::JsonValue>& losses = json->find("f64")->items;
  BOOST_TEST_REQUIRE(losses.size() == 50U);
  const auto program = adamw_program();
  const auto weights = take(weights::Weights::initialise(*program, 0, test_backend()));
  BOOST_TEST(!take(weights->load(*open_tensors(golden / "start.safetensors"))));
  model::Backend& backend = *weights->backend();
  weights::NpyArray images = take(weights::read_npy((golden / "images.npy").string()));
  const weights::NpyArray labels = take(weights::read_npy((golden / "labels.npy").string()));
  const auto session = take(session::TrainSession::create(program, weights, {.n = 2, .h = 17, .w = 17}));
  const auto batches = static_cast<std::size_t>(images.desc.shape[0]);
  const std::size_t pixels = floats(images).size() / batches;
  const std::size_t label_bytes = labels.bytes.size() / batches;
  for (std::size_t step = 0; step < losses.size(); ++step) {
    const std::size_t batch = step % batches;
    store_nchw(backend, floats(images).subspan(batch * pixels, pixels), session->image());
    store<std::byte>(backend, std::span(labels.bytes).subspan(batch * label_bytes, label_bytes),
                     session->label());
    require_ok(session->compute({0, static_cast<std::int64_t>(step), 0}));
    BOOST_TEST(std::abs(*session->scalar("loss") / losses[step].real - 1) < 1e-6);
    require_ok(session->update(1e-3 * std::pow(1.0 - double(step) / double(losses.size()), 0.9)));
  }
  const auto after = open_tensors(golden / "after.safetensors");
  for (const weights::NamedTensor& tensor : after->tensors()) {
    const std::span<const float> expected = floats(tensor);
    BOOST_TEST_CONTEXT(tensor.name)
    check_close(fetch(backend, variable(*program, *weights, tensor.name)), {expected.begin(), expected.end()},
                1e-5);
  }
}

BOOST_AUTO_TEST_CASE(a_stopped_course_goes_on_with_the_same_bits) {
  const auto program = network();
  Course whole = begin(program);
  steps(whole, 0, 8);

  Course first = begin(program);
  steps(first, 0, 5);
  const Scratch folder;
  const std::string path = (folder / "state.safetensors").string();
  std::vector<std::byte> storage;
  const std::vector<weights::NamedTensor> tensors = take(first.weights->snapshot(true, storage));
  require_ok(weights::write_safetensors(path, tensors, {}));
  Course second = begin(program);
  BOOST_TEST(take(second.weights->load(*open_tensors(path))));
  steps(second, 5, 8);

  BOOST_TEST((std::vector<double>(whole.losses.begin() + 5, whole.losses.end()) == second.losses));
  std::vector<std::byte> whole_storage, second_storage;
  const std::vector<weights::NamedTensor> expected = take(whole.weights->snapshot(true, whole_storage));
  const std::vector<weights::NamedTensor> actual = take(second.weights->snapshot(true, second_storage));
  BOOST_TEST_REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    BOOST_TEST((std::ranges::equal(actual[i].bytes, expected[i].bytes)), actual[i].name);
}

// A file that lacks the count of steps, for instance.
BOOST_AUTO_TEST_CASE(a_part_of_the_state_is_refused) {
  const auto program = regression();
  const auto weights = take(weights::Weights::initialise(*program, 3, test_backend()));
  const Scratch folder;
  std::vector<std::byte> storage;
  std::vector<weights::NamedTensor> tensors = take(weights->snapshot(true, storage));
  std::erase_if(tensors, [](const weights::NamedTensor& tensor) { return tensor.name == "step:update.0"; });
  const std::string path = (folder / "part.safetensors").string();
  require_ok(weights::write_safetensors(path, tensors, {}));
  const auto loaded = weights->load(*open_tensors(path));
  BOOST_TEST_REQUIRE(!loaded.ok());
  BOOST_TEST(loaded.status().message().find("a part of the optimiser's state") != std::string::npos);
}
