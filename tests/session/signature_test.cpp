#include <algorithm>
#include <cmath>

#include "runtime/core/random.h"
#include "runtime/model/model_file.h"
#include "runtime/session/image.h"
#include "runtime/session/session.h"
#include "runtime/session/train_session.h"
#include "tests/datasets/scratch.h"
#include "tests/session/compiled.h"

// Sessions ask for what inputs and outputs are for, and not for what a graph calls them.
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kHeight = 5;
constexpr std::int64_t kWidth = 6;

// Three classes of a 4-channel image beside a map of depths, neither called as the shipped graphs call them.
constexpr const char* kTwoInputs = R"({
  "inputs": {
    "rgbn": {"role": "image", "shape": ["N", 4, "H", "W"]},
    "depth": {"shape": ["N", 2, "H", "W"]}
  },
  "preprocess": {"value_scale": 2, "mean": [0, 1, 2, 3], "std": [1, 2, 4, 8], "stored": "u8"},
  "protocol": {"name": "whole", "base_size": 64, "scales": [0.5, 1], "flip": false},
  "graph": [
    {"op": "concat", "x": ["rgbn", "depth"], "out": "both"},
    {"op": "conv2d", "as": "score", "out_channels": 3, "kernel": 1, "bias": true, "out": "y"}
  ],
  "outputs": {"seg": {"value": "y", "role": "logits"}},
  "metadata": {"calibration": {"temperature": 1.5}}
})";

model::Model compiled(const std::string& json) {
  const Scratch folder;
  require_ok(core::write_file(folder / "net.json", json));
  compiler::Compiled result = compiler::compile(folder / "net.json", {}, ops::op_registry());
  BOOST_TEST_REQUIRE(result.errors == "");
  return *std::move(result.model);
}

struct TwoInputs {
  std::shared_ptr<const model::Program> program =
      take(model::Program::make(compiled(kTwoInputs), ops::op_registry()));
  std::shared_ptr<weights::Weights> weights = take(weights::Weights::initialise(*program, 3, test_backend()));
  std::unique_ptr<session::Session> session() const {
    return take(session::Session::create(program, weights, {1, kHeight, kWidth}));
  }
};

std::vector<float> random_values(std::int64_t count, std::uint32_t seed) {
  core::Random random(seed, core::RandomPurpose::test);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = static_cast<float>(random.next_between(-2, 2));
  return values;
}

TensorView dense(std::vector<float>& values, const Shape& shape) {
  return {TensorDesc::dense(DType::f32, shape), values.data()};
}

// The convolution of one pixel's six channels, in f64.
double score(const std::vector<float>& weight, const std::vector<float>& bias,
             const std::vector<float>& image, const std::vector<float>& depth, std::size_t o,
             std::size_t pixel) {
  constexpr std::size_t kPixels = kHeight * kWidth;
  double sum = bias[o];
  for (std::size_t c = 0; c < 6; ++c) {
    const float value = c < 4 ? image[c * kPixels + pixel] : depth[(c - 4) * kPixels + pixel];
    sum += double{weight[o * 6 + c]} * value;
  }
  return sum;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_network_of_two_inputs_and_four_channels) {
  const TwoInputs net;
  const auto session = net.session();
  BOOST_TEST((session->input().desc.shape == Shape{1, 4, kHeight, kWidth}));
  std::vector<float> image = random_values(4 * kHeight * kWidth, 1);
  std::vector<float> depth = random_values(2 * kHeight * kWidth, 2);
  require_ok(session->set_input_nchw(image));
  require_ok(session->set_input("depth", dense(depth, {1, 2, kHeight, kWidth})));
  require_ok(session->run());
  std::vector<float> logits(3 * kHeight * kWidth);
  require_ok(session->get_output_nchw("seg", logits));
  model::Backend& backend = *net.weights->backend();
  const auto& variables = net.program->model().variables;
  const auto variable = [&](std::string_view name) {
    const auto found = std::ranges::find(variables, name, &model::Variable::name);
    return fetch(backend, net.weights->variable(static_cast<std::size_t>(found - variables.begin())));
  };
  const std::vector<float> weight = variable("score.weight");
  const std::vector<float> bias = variable("score.bias");
  double worst = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double expected = score(weight, bias, image, depth, i / (kHeight * kWidth), i % (kHeight * kWidth));
    worst = std::max(worst, std::abs(logits[i] - expected));
  }
  BOOST_TEST(worst < 1e-5);
  BOOST_TEST((take(session->logits()).desc == take(session->output("seg")).desc));
}

// Sizes may come from any input, and an image need not be there.
BOOST_AUTO_TEST_CASE(shapes_by_name) {
  const TwoInputs net;
  session::Session::Options options;
  options.inputs["rgbn"] = Shape{2, 4, 3, 7};
  const auto session = take(session::Session::create(net.program, net.weights, options));
  BOOST_TEST((take(session->input("depth")).desc.shape == Shape{2, 2, 3, 7}));
  options.inputs["depth"] = Shape{2, 2, 3, 8};
  const Status other = session::Session::create(net.program, net.weights, options).status();
  BOOST_TEST(other.message().find("expected (N, 4, H, W), got (2, 4, 3, 7)") != std::string::npos,
             other.message());

  model::Model model = net.program->model();
  model.signature.inputs[0].role = "";
  const auto nameless = take(model::Program::make(std::move(model), ops::op_registry()));
  const Status missing = session::Session::create(nameless, net.weights, {1, 3, 7}).status();
  BOOST_TEST(missing.message() == "the model \"net\" has no input with the role \"image\"");
  options.inputs.erase("depth");
  const auto by_name = take(session::Session::create(nameless, net.weights, options));
  BOOST_TEST((by_name->input().data == nullptr));
  BOOST_TEST(!by_name->set_input_nchw(std::vector<float>(1)).ok());
}

BOOST_AUTO_TEST_CASE(names_that_a_session_does_not_know) {
  const TwoInputs net;
  const auto session = net.session();
  std::vector<float> depth(2 * kHeight * kWidth);
  BOOST_TEST(session->output("logits").status().message() == "the model has no output \"logits\"");
  BOOST_TEST(!session->input("image").ok());
  BOOST_TEST(!session->set_input("image", dense(depth, {1, 2, kHeight, kWidth})).ok());
  const Status shape = session->set_input("depth", dense(depth, {1, 2, kWidth, kHeight}));
  BOOST_TEST(shape.message() == "input \"depth\": expected f32 (1, 2, 5, 6), got f32 (1, 2, 6, 5)");
}

// What was class 0 everywhere, or a write behind the tensor.
BOOST_AUTO_TEST_CASE(tensors_that_are_no_image_or_no_logits) {
  std::vector<std::int32_t> classes(6);
  BOOST_TEST(session::arg_max({}, classes).message() == "logits: there is no such tensor");
  std::vector<float> memory(2 * 6, 0.0F);
  memory[3] = 1;
  const TensorView logits{TensorDesc::nhwc(DType::f32, {1, 2, 2, 3}), memory.data()};
  require_ok(session::arg_max(logits, classes));
  BOOST_TEST((classes == std::vector<std::int32_t>{0, 1, 0, 0, 0, 0}));
  classes.resize(7);
  BOOST_TEST(session::arg_max(logits, classes).message() ==
             "logits: expected 6 numbers for (1, 2, 2, 3), got 7");
  classes.resize(6);
  BOOST_TEST(!session::arg_max({TensorDesc::dense(DType::f32, {1, 2, 2, 3}), memory.data()}, classes).ok());
  BOOST_TEST(!session::arg_max({TensorDesc::nhwc(DType::i32, {1, 2, 2, 3}), memory.data()}, classes).ok());

  const model::Preprocess preprocess{2, {0, 1}, {1, 2}};
  const std::vector<std::uint8_t> pixels{10, 10, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18};
  require_ok(session::normalise_image(preprocess, pixels, logits));
  BOOST_TEST(memory[0] == 5);
  BOOST_TEST(memory[1] == 2);
  const auto refuses = [&](const model::Preprocess& how, std::span<const std::uint8_t> what,
                           const TensorView& view, const std::string& why) {
    const Status status = session::normalise_image(how, what, view);
    BOOST_REQUIRE(!status.ok());
    BOOST_TEST(status.message().find(why) != std::string::npos, status.message());
  };
  refuses(preprocess, std::span(pixels).first(11), logits, "expected 12 numbers for (1, 2, 2, 3), got 11");
  refuses(preprocess, {}, {}, "there is no such tensor");
  refuses({2, {0}, {1}}, std::span(pixels).first(6), logits, "preprocess is of 1 channels");
  refuses({2, {0, 1}, {1, 2}, model::PixelType::u16}, pixels, logits, "not stored as 8-bit");
}

BOOST_AUTO_TEST_CASE(what_the_graph_says_is_in_the_file) {
  const model::Model model = compiled(kTwoInputs);
  const model::Model read = take(model::parse_model(take(model::serialize(model)), ops::op_registry()));
  const model::Port* const image = read.signature.input(model::roles::kImage);
  BOOST_REQUIRE(image != nullptr);
  BOOST_TEST(image->name == "rgbn");
  BOOST_TEST(to_string(image->channels) == "4");
  const model::Port* const logits = read.signature.output(model::methods::kEval, model::roles::kLogits);
  BOOST_REQUIRE(logits != nullptr);
  BOOST_TEST(logits->name == "seg");
  BOOST_TEST(to_string(logits->classes) == "3");
  BOOST_TEST((read.preprocess.std == std::vector<double>{1, 2, 4, 8}));
  BOOST_TEST((read.protocol == model::LabellingProtocol{"whole", 0, 0, 64, {0.5, 1}, false}));
  BOOST_TEST(read.metadata.at("calibration") == R"({"temperature":1.5})");
}

// Label, weights of classes, losses and counts by role, whatever they are called.
BOOST_AUTO_TEST_CASE(training_asks_for_roles) {
  model::Model model = compiled(R"({
    "parameters": {"classes": {"default": 3, "min": 1}},
    "inputs": {"scan": {"role": "image", "shape": ["N", 5, "H", "W"]},
               "truth": {"role": "label", "shape": ["N", "H", "W"], "dtype": "i32"}},
    "graph": [{"op": "conv2d", "as": "score", "x": "scan", "out_channels": "classes", "kernel": 1, "out": "y"}],
    "outputs": {"seg": {"value": "y", "role": "logits"}},
    "losses": {"main": {"op": "cross_entropy", "logits": "y", "label": "truth"},
               "deep": {"op": "cross_entropy", "logits": "y", "label": "truth", "weight": 0.5}},
    "train": {"optimizer": {"op": "sgd"}}
  })");
  BOOST_TEST(model.signature.output(model::methods::kTrain, model::roles::kAuxLoss)->head == "deep");
  const auto program =
      take(take(model::Program::make(std::move(model), ops::op_registry()))->bind({{"classes", 2}}));
  const auto weights = take(weights::Weights::initialise(*program, 3, test_backend()));
  const auto session = take(session::TrainSession::create(program, weights, {1, kHeight, kWidth}));
  require_ok(session->check_supervised());
  model::Backend& backend = *weights->backend();
  store<float>(backend, random_values(5 * kHeight * kWidth, 4), session->image());
  store<std::int32_t>(backend, std::vector<std::int32_t>(kHeight * kWidth, 1), session->label());
  require_ok(session->compute({}));
  require_ok(session->update(0.1));
  const double main = take(session->scalar_of(model::roles::kMainLoss));
  const double deep = take(session->scalar_of(model::roles::kAuxLoss));
  BOOST_TEST(std::abs(take(session->scalar_of(model::roles::kLoss)) - main - deep / 2) < 1e-6);
  BOOST_TEST((session->output_of(model::roles::kConfusion).desc.shape == Shape{2, 2}));
  BOOST_TEST((session->output_of("nothing").data == nullptr));
}
