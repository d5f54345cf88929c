#include <algorithm>

#include "compiler/json.h"
#include "runtime/session/layout.h"
#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "tests/session/compiled.h"

// The small network against PyTorch's numbers in f64, rounded to f32 (tests/oracle/golden_training.py).
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kSize = 65;
constexpr int kSteps = 5;

std::shared_ptr<Weights> start_weights(const Program& program) {
  auto weights = take(Weights::initialise(program, 0, take(make_cpu_backend())));
  take(weights->load(*open_tensors(kTiny / "start.safetensors")));
  return weights;
}

struct Losses {
  double total = 0, main = 0, aux = 0;
};

std::vector<Losses> golden_losses() {
  compiler::Diagnostics diagnostics;
  const auto json = compiler::read_json(kTiny / "losses.json", "losses.json", diagnostics);
  BOOST_REQUIRE(json && json->find("f64"));
  std::vector<Losses> losses;
  for (const compiler::JsonValue& step : json->find("f64")->items)
    losses.push_back({step.find("loss")->real, step.find("main_loss")->real, step.find("aux_loss")->real});
  return losses;
}

struct Training {
  std::vector<Losses> losses;
  std::map<std::string, std::vector<float>> gradients;  // of the first step
  std::shared_ptr<Weights> weights;
  std::shared_ptr<const Program> program;
};

// With the settings of losses.json.
Training train(bool fuse) {
  constexpr double kBaseRate = 1e-3;
  constexpr double kPower = 0.9;
  Training result;
  result.program = tiny_program(0);
  result.weights = start_weights(*result.program);
  const auto session = take(TrainSession::create(result.program, result.weights, {2, kSize, kSize, fuse}));
  NpyArray image = take(read_npy((kTiny / "image.npy").string()));
  const NpyArray label = take(read_npy((kTiny / "label.npy").string()));
  for (int step = 0; step < kSteps; ++step) {
    nchw_to_nhwc(floats(image), session->image());
    std::memcpy(session->label().data, label.bytes.data(), label.bytes.size());
    require_ok(session->compute({0, step, 0}));
    result.losses.push_back(
        {*session->scalar("loss"), *session->scalar("main_loss"), *session->scalar("aux_loss")});
    if (step == 0) {
      for (const Variable& variable : result.program->model().variables) {
        if (variable.kind == VariableKind::parameter)
          result.gradients[variable.name] = copy_of(floats(session->gradient(variable.name)));
      }
    }
    require_ok(session->update(kBaseRate * std::pow(1.0 - double(step) / kSteps, kPower)));
  }
  return result;
}

const Training& fused() {
  static const Training training = train(true);
  return training;
}

double relative(double actual, double expected) { return std::abs(actual - expected) / std::abs(expected); }

// Of each class of logits (1, C, H, W), less its mean over the pixels.
std::vector<float> without_means(std::span<const float> logits) {
  constexpr std::size_t kPixels = kSize * kSize;
  std::vector<float> result = copy_of(logits);
  for (std::size_t first = 0; first < result.size(); first += kPixels) {
    double sum = 0;
    for (std::size_t i = 0; i < kPixels; ++i) sum += result[first + i];
    for (std::size_t i = 0; i < kPixels; ++i) result[first + i] -= static_cast<float>(sum / kPixels);
  }
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(logits_of_evaluation) {
  const auto program = tiny_program(0.1);
  const auto weights =
      take(Weights::map(*program, open_tensors(kTiny / "start.safetensors"), take(make_cpu_backend())));
  NpyArray image = take(read_npy((kTiny / "image.npy").string()));
  NpyArray golden = take(read_npy((kTiny / "logits.npy").string()));
  for (const bool fuse : {true, false}) {
    const auto session = take(Session::create(program, weights, {1, kSize, kSize, fuse}));
    require_ok(session->set_input_nchw(floats(image).first(3 * kSize * kSize)));
    require_ok(session->run());
    std::vector<float> logits(floats(golden).size());
    require_ok(session->get_output_nchw("logits", logits));
    const double apart = relative_distance(logits, floats(golden));
    const double detail = relative_distance(without_means(logits), without_means(floats(golden)));
    BOOST_TEST_MESSAGE("fuse " << fuse << ": logits " << apart << ", without means " << detail);
    BOOST_TEST(apart < 1e-4);
    BOOST_TEST(detail < 1e-3);
  }
}

BOOST_AUTO_TEST_CASE(losses_of_five_iterations) {
  const std::vector<Losses> golden = golden_losses();
  BOOST_TEST_REQUIRE(golden.size() == std::size_t{kSteps});
  double worst = 0;
  for (std::size_t i = 0; i < golden.size(); ++i) {
    const Losses& loss = fused().losses[i];
    worst = std::max({worst, relative(loss.total, golden[i].total), relative(loss.main, golden[i].main),
                      relative(loss.aux, golden[i].aux)});
  }
  BOOST_TEST_MESSAGE("losses " << worst);
  BOOST_TEST(worst < 1e-5);
}

BOOST_AUTO_TEST_CASE(gradients_of_the_first_iteration) {
  const auto golden = open_tensors(kTiny / "gradients.safetensors");
  BOOST_TEST_REQUIRE(golden->tensors().size() == fused().gradients.size());
  double largest = 0;
  for (const NamedTensor& tensor : golden->tensors()) largest = std::max(largest, norm(floats(tensor)));
  double worst = 0;
  for (const NamedTensor& tensor : golden->tensors()) {
    const double bar = 1e-3 * norm(floats(tensor)) + 1e-6 * largest;
    const double apart = distance(fused().gradients.at(tensor.name), floats(tensor));
    worst = std::max(worst, apart / bar);
    BOOST_TEST(apart < bar, tensor.name << ": " << apart << " is not less than " << bar);
  }
  BOOST_TEST_MESSAGE("gradients: at most " << worst << " of the bar");
}

BOOST_AUTO_TEST_CASE(norms_and_biases_after_five_iterations) {
  const auto golden = open_tensors(kTiny / "after.safetensors");
  std::vector<std::byte> storage;
  const std::vector<NamedTensor> after = take(fused().weights->snapshot(false, storage));
  double worst = 0;
  for (const NamedTensor& tensor : golden->tensors()) {
    const auto found = std::ranges::find(after, tensor.name, &NamedTensor::name);
    BOOST_REQUIRE_MESSAGE(found != after.end(), tensor.name);
    const double apart = relative_distance(floats(*found), floats(tensor));
    worst = std::max(worst, apart);
    BOOST_TEST(apart < 1e-5, tensor.name << ": " << apart);
  }
  BOOST_TEST_MESSAGE("after: at most " << worst);
}

BOOST_AUTO_TEST_CASE(parts_of_composites_train_alike) {
  const Training parts = train(false);
  double loss = 0;
  for (std::size_t i = 0; i < parts.losses.size(); ++i)
    loss = std::max(loss, relative(parts.losses[i].total, fused().losses[i].total));
  double largest = 0;
  for (const auto& [name, gradient] : fused().gradients) largest = std::max(largest, norm(gradient));
  double worst = 0;
  for (const auto& [name, gradient] : fused().gradients) {
    const double bar = 1e-5 * norm(gradient) + 1e-6 * largest;
    worst = std::max(worst, distance(parts.gradients.at(name), gradient) / bar);
  }
  BOOST_TEST_MESSAGE("parts: losses " << loss << ", gradients " << worst << " of the bar");
  BOOST_TEST(loss < 1e-5);
  BOOST_TEST(worst < 1.0);
}
