#include <algorithm>
#include <boost/test/data/test_case.hpp>
#include <ostream>

#include "compiler/json.h"
#include "ops/cpu_training.h"
#include "runtime/core/random.h"
#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "tests/session/compiled.h"
#include "tests/skip.h"

// The small networks against PyTorch's numbers in f64, rounded to f32 (tests/oracle/golden_training.py).
using namespace graphrun;
using namespace graphrun::test;
namespace data = boost::unit_test::data;

namespace {

constexpr int kSteps = 5;

struct Golden {
  std::string name;  // of the graph, and of the folder of goldens
  std::vector<compiler::Definition> definitions;
  std::int64_t size;   // of a square crop
  std::string images;  // the folder whose image and label it shares

  std::filesystem::path file(const std::string& leaf) const { return kSource / "tests/golden" / name / leaf; }
  std::filesystem::path image_file(const std::string& leaf) const {
    return kSource / "tests/golden" / images / leaf;
  }
};

std::ostream& operator<<(std::ostream& out, const Golden& golden) { return out << golden.name; }

const std::vector<Golden> kGoldens{
    {"spnet_tiny", {{"width", 8}}, 65, "spnet_tiny"},
    {"pspnet_tiny", {{"width", 2}, {"classes", 3}}, 33, "pspnet_tiny"},
    {"psanet_tiny", {{"width", 2}, {"classes", 3}, {"mask_h", 5}, {"mask_w", 5}}, 33, "pspnet_tiny"}};

std::shared_ptr<const model::Program> program_of(const Golden& golden, double dropout) {
  std::vector<compiler::Definition> definitions = golden.definitions;
  definitions.push_back({"dropout", dropout});
  compiler::Compiled compiled =
      compiler::compile(kSource / "graphs" / (golden.name + ".json"), definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

std::shared_ptr<weights::Weights> start_weights(const Golden& golden, const model::Program& program) {
  auto weights = take(weights::Weights::initialise(program, 0, test_backend()));
  take(weights->load(*open_tensors(golden.file("start.safetensors"))));
  return weights;
}

struct Losses {
  double total = 0, main = 0, aux = 0;
};

std::vector<Losses> golden_losses(const Golden& golden) {
  compiler::Diagnostics diagnostics;
  compiler::JsonBudget budget;
  const auto json = compiler::read_json(golden.file("losses.json"), "losses.json", budget, diagnostics);
  BOOST_REQUIRE(json && json->find("f64"));
  std::vector<Losses> losses;
  for (const compiler::JsonValue& step : json->find("f64")->items)
    losses.push_back({step.find("loss")->real, step.find("main_loss")->real, step.find("aux_loss")->real});
  return losses;
}

struct Training {
  std::vector<Losses> losses;
  std::map<std::string, std::vector<float>> gradients;  // of the first step
  std::shared_ptr<weights::Weights> weights;
  std::shared_ptr<const model::Program> program;
};

// With the settings of losses.json.
Training train(const Golden& golden, bool fuse) {
  constexpr double kBaseRate = 1e-3;
  constexpr double kPower = 0.9;
  Training result;
  result.program = program_of(golden, 0);
  result.weights = start_weights(golden, *result.program);
  const auto session = take(
      session::TrainSession::create(result.program, result.weights, {2, golden.size, golden.size, fuse}));
  weights::NpyArray image = take(weights::read_npy(golden.image_file("image.npy").string()));
  const weights::NpyArray label = take(weights::read_npy(golden.image_file("label.npy").string()));
  model::Backend& backend = *result.weights->backend();
  for (int step = 0; step < kSteps; ++step) {
    store_nchw(backend, floats(image), session->image());
    store<std::byte>(backend, label.bytes, session->label());
    require_ok(session->compute({0, step, 0}));
    result.losses.push_back(
        {*session->scalar("loss"), *session->scalar("main_loss"), *session->scalar("aux_loss")});
    if (step == 0) {
      for (const model::Variable& variable : result.program->model().variables) {
        if (variable.kind == VariableKind::parameter)
          result.gradients[variable.name] = fetch(backend, session->gradient(variable.name));
      }
    }
    require_ok(session->update(kBaseRate * std::pow(1.0 - double(step) / kSteps, kPower)));
  }
  return result;
}

const Training& fused(const Golden& golden) {
  static std::map<std::string, Training> trainings;
  const auto found = trainings.find(golden.name);
  return found != trainings.end() ? found->second
                                  : trainings.emplace(golden.name, train(golden, true)).first->second;
}

double relative(double actual, double expected) { return std::abs(actual - expected) / std::abs(expected); }

// Of each class of logits (1, C, H, W), less its mean over the pixels.
std::vector<float> without_means(std::span<const float> logits, std::int64_t size) {
  const auto pixels = static_cast<std::size_t>(size * size);
  std::vector<float> result = copy_of(logits);
  for (std::size_t first = 0; first < result.size(); first += pixels) {
    double sum = 0;
    for (std::size_t i = 0; i < pixels; ++i) sum += result[first + i];
    for (std::size_t i = 0; i < pixels; ++i)
      result[first + i] -= static_cast<float>(sum / static_cast<double>(pixels));
  }
  return result;
}

}  // namespace

BOOST_DATA_TEST_CASE(logits_of_evaluation, data::make(kGoldens), net) {
  const auto program = program_of(net, 0.1);
  const auto weights =
      take(weights::Weights::map(*program, open_tensors(net.file("start.safetensors")), test_backend()));
  weights::NpyArray image = take(weights::read_npy(net.image_file("image.npy").string()));
  weights::NpyArray golden = take(weights::read_npy(net.file("logits.npy").string()));
  for (const bool fuse : {true, false}) {
    const auto session = take(session::Session::create(program, weights, {1, net.size, net.size, fuse}));
    require_ok(
        session->set_input_nchw(floats(image).first(static_cast<std::size_t>(3 * net.size * net.size))));
    for (int run = 0; run < 3; ++run) {  // a device may record the second and replay it
      require_ok(session->run());
      std::vector<float> logits(floats(golden).size());
      require_ok(session->get_output_nchw("logits", logits));
      const double apart = relative_distance(logits, floats(golden));
      const double detail =
          relative_distance(without_means(logits, net.size), without_means(floats(golden), net.size));
      BOOST_TEST_MESSAGE(net.name << ": fuse " << fuse << ": logits " << apart << ", without means "
                                  << detail);
      BOOST_TEST(apart < 1e-4);
      BOOST_TEST(detail < 1e-3);
    }
  }
}

BOOST_DATA_TEST_CASE(losses_of_five_iterations, data::make(kGoldens), net) {
  const std::vector<Losses> golden = golden_losses(net);
  BOOST_TEST_REQUIRE(golden.size() == std::size_t{kSteps});
  double worst = 0;
  for (std::size_t i = 0; i < golden.size(); ++i) {
    const Losses& loss = fused(net).losses[i];
    worst = std::max({worst, relative(loss.total, golden[i].total), relative(loss.main, golden[i].main),
                      relative(loss.aux, golden[i].aux)});
  }
  BOOST_TEST_MESSAGE(net.name << ": losses " << worst);
  BOOST_TEST(worst < bar(1e-5));
}

BOOST_DATA_TEST_CASE(gradients_of_the_first_iteration, data::make(kGoldens), net) {
  const auto golden = open_tensors(net.file("gradients.safetensors"));
  BOOST_TEST_REQUIRE(golden->tensors().size() == fused(net).gradients.size());
  double largest = 0;
  for (const weights::NamedTensor& tensor : golden->tensors())
    largest = std::max(largest, norm(floats(tensor)));
  double worst = 0;
  for (const weights::NamedTensor& tensor : golden->tensors()) {
    const double most = 1e-3 * norm(floats(tensor)) + 1e-6 * largest;
    const double apart = distance(fused(net).gradients.at(tensor.name), floats(tensor));
    worst = std::max(worst, apart / most);
    BOOST_TEST(apart < most, tensor.name << ": " << apart << " is not less than " << most);
  }
  BOOST_TEST_MESSAGE(net.name << ": gradients: at most " << worst << " of the bar");
}

BOOST_DATA_TEST_CASE(norms_and_biases_after_five_iterations, data::make(kGoldens), net) {
  const auto golden = open_tensors(net.file("after.safetensors"));
  std::vector<std::byte> storage;
  const std::vector<weights::NamedTensor> after = take(fused(net).weights->snapshot(false, storage));
  double worst = 0;
  for (const weights::NamedTensor& tensor : golden->tensors()) {
    const auto found = std::ranges::find(after, tensor.name, &weights::NamedTensor::name);
    BOOST_REQUIRE_MESSAGE(found != after.end(), tensor.name);
    const double apart = relative_distance(floats(*found), floats(tensor));
    worst = std::max(worst, apart);
    BOOST_TEST(apart < bar(1e-5), tensor.name << ": " << apart);
  }
  BOOST_TEST_MESSAGE(net.name << ": after: at most " << worst);
}

BOOST_DATA_TEST_CASE(parts_of_composites_train_alike, data::make(kGoldens), net) {
  const Training parts = train(net, false);
  double loss = 0;
  for (std::size_t i = 0; i < parts.losses.size(); ++i)
    loss = std::max(loss, relative(parts.losses[i].total, fused(net).losses[i].total));
  double largest = 0;
  for (const auto& [name, gradient] : fused(net).gradients) largest = std::max(largest, norm(gradient));
  double worst = 0;
  for (const auto& [name, gradient] : fused(net).gradients) {
    const double most = bar(1e-5) * norm(gradient) + 1e-6 * largest;
    worst = std::max(worst, distance(parts.gradients.at(name), gradient) / most);
  }
  BOOST_TEST_MESSAGE(net.name << ": parts: losses " << loss << ", gradients " << worst << " of the bar");
  BOOST_TEST(loss < bar(1e-5));
  BOOST_TEST(worst < 1.0);
}

// From the goldens' start, at which no ReLU is near its kink, so that rounding does not grow.
BOOST_TEST_DECORATOR(*needs("gpu"))
BOOST_DATA_TEST_CASE(twenty_iterations_on_a_gpu_follow_those_on_the_cpu, data::make(kGoldens), net) {
  if (!on_gpu()) return skip("it compares a GPU with the CPU");
  constexpr int kLong = 20;
  const auto losses = [&](const std::shared_ptr<model::Backend>& backend) {
    const auto program = program_of(net, 0);
    const auto weights = take(weights::Weights::initialise(*program, 0, backend));
    take(weights->load(*open_tensors(net.file("start.safetensors"))));
    const auto session = take(session::TrainSession::create(program, weights, {4, net.size, net.size}));
    const auto classes = static_cast<std::uint32_t>(session->output("confusion").desc.shape[0]);
    std::vector<float> image(static_cast<std::size_t>(session->image().desc.shape.count()));
    std::vector<std::int32_t> label(static_cast<std::size_t>(session->label().desc.shape.count()));
    core::Random random(5 + seed_offset(), core::RandomPurpose::test);
    std::vector<double> result;
    for (int step = 0; step < kLong; ++step) {
      for (float& value : image) value = static_cast<float>(random.next_between(-2, 2));
      for (std::int32_t& value : label) value = static_cast<std::int32_t>(random.next_below(classes));
      store<float>(*backend, image, session->image());
      store<std::int32_t>(*backend, label, session->label());
      require_ok(session->compute({0, step, 0}));
      result.push_back(*session->scalar("loss"));
      require_ok(session->update(1e-3));
    }
    return result;
  };
  const std::vector<double> cpu = losses(take(ops::make_cpu_backend(0, ops::with_training_kernels())));
  const std::vector<double> gpu = losses(test_backend());
  double worst = 0;
  for (std::size_t i = 0; i < cpu.size(); ++i) worst = std::max(worst, relative(gpu[i], cpu[i]));
  BOOST_TEST_MESSAGE(net.name << ": losses of " << kLong << " iterations: " << worst);
  BOOST_TEST(worst < 1e-4);
  BOOST_TEST(cpu.back() != cpu.front());
}
