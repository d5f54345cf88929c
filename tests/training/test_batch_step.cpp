#include <cmath>

#include "ops/cpu_training.h"
#include "runtime/core/random.h"
#include "tests/datasets/scratch.h"
#include "tests/session/compiled.h"
#include "training/batch_step.h"

// A step of the trainer, as one batch and in parts.
using namespace graphrun;
using namespace graphrun::test;

namespace {

constexpr std::int64_t kBatch = 8, kSize = 24;

// Without batch norm, with all else that looks at a sample's place in the batch.
std::shared_ptr<const model::Program> plain_net() {
  const Scratch folder;
  require_ok(core::write_file(folder / "plain.json", R"({
    "inputs": {"image": {"shape": ["N", 3, "H", "W"], "dtype": "f32"},
               "label": {"shape": ["N", "H", "W"], "dtype": "i32"}},
    "graph": [
      {"op": "conv2d", "as": "stem", "x": "image", "out_channels": 16, "kernel": 3, "stride": 2, "padding": 1},
      {"op": "relu", "as": "relu", "out": "c"},
      {"op": "dropout2d", "as": "drop", "x": "c", "p": 0.4},
      {"op": "conv2d", "as": "head", "out_channels": 5, "kernel": 1},
      {"op": "resize", "as": "up", "like": "image", "out": "logits"},
      {"op": "conv2d", "as": "aux_head", "x": "c", "out_channels": 5, "kernel": 1},
      {"op": "resize", "as": "aux_up", "like": "image", "out": "aux_logits"}],
    "outputs": {"logits": "logits"},
    "losses": {"main": {"op": "cross_entropy", "logits": "logits", "label": "label"},
               "aux": {"op": "cross_entropy", "logits": "aux_logits", "label": "label", "weight": 0.4}},
    "train": {"optimizer": {"op": "sgd", "momentum": 0, "weight_decay": 0}, "groups": [{"match": "*", "lr_mult": 1}]}})"));
  compiler::Compiled compiled = compiler::compile(folder / "plain.json", {}, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

struct Samples {
  std::vector<float> image = std::vector<float>(kBatch * kSize * kSize * 3);
  std::vector<std::int32_t> label = std::vector<std::int32_t>(kBatch * kSize * kSize);
  datasets::Batch batch;
};

// Every image has another share of labelled pixels, the first two none.
Samples samples(std::uint32_t classes) {
  Samples made;
  core::Random random(4, core::RandomPurpose::test);
  for (float& value : made.image) value = static_cast<float>(random.next_between(-2, 2));
  for (std::size_t i = 0; i < made.label.size(); ++i) {
    const auto image = static_cast<std::int64_t>(i) / (kSize * kSize);
    const bool ignored = image < 2 || random.next_below(10) < static_cast<std::uint32_t>(image);
    made.label[i] = ignored ? 255 : static_cast<std::int32_t>(random.next_below(classes));
  }
  made.batch = {5, 0, kBatch, kSize, kSize, 3, made.image.data(), made.label.data(), {}};
  return made;
}

training::SettingTable settings(std::int64_t parts, const std::string& class_weights = "null") {
  training::SettingTable table;
  require_ok(table.set("class_weights", class_weights, "test"));
  for (const std::string setting : {"train_h", "train_w"})
    require_ok(table.set(setting, std::to_string(kSize), "test"));
  require_ok(table.set("accumulate", std::to_string(parts), "test"));
  return table;
}

struct Outcome {
  training::Losses losses;
  std::vector<std::int64_t> confusion;
  std::vector<float> change;  // of all parameters, for a learning rate of 1
};

std::vector<float> parameters(const model::Program& program, const weights::Weights& weights) {
  std::vector<float> all;
  for (std::size_t i = 0; i < program.model().variables.size(); ++i) {
    if (program.model().variables[i].kind != VariableKind::parameter) continue;
    const auto values = floats(weights.variable(i));
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

Outcome step(std::int64_t parts, const std::string& class_weights) {
  const auto program = plain_net();
  const auto weights = take(weights::Weights::initialise(
      *program, 5, take(ops::make_cpu_backend(0, ops::with_training_kernels()))));
  const auto step = take(training::BatchStep::make(program, weights, kBatch, settings(parts, class_weights)));
  const Samples data = samples(5);
  const std::vector<float> before = parameters(*program, *weights);
  Outcome outcome;
  outcome.losses = take(step->compute(data.batch, 77));
  require_ok(step->update(1.0));
  outcome.change = parameters(*program, *weights);
  for (std::size_t i = 0; i < before.size(); ++i) outcome.change[i] -= before[i];
  outcome.confusion.assign(step->confusion().cells().begin(), step->confusion().cells().end());
  return outcome;
}

struct Tiny {
  std::shared_ptr<const model::Program> program = tiny_program(0);
  std::shared_ptr<weights::Weights> weights = take(weights::Weights::initialise(
      *program, 5, take(ops::make_cpu_backend(0, ops::with_training_kernels()))));
  std::unique_ptr<training::BatchStep> step =
      take(training::BatchStep::make(program, weights, kBatch, settings(2)));
  Samples data = samples(11);

  float* parameter(const std::string& name) const {
    const auto& variables = program->model().variables;
    const auto found = std::ranges::find(variables, name, &model::Variable::name);
    BOOST_TEST_REQUIRE((found != variables.end()));
    return weights->variable(static_cast<std::size_t>(found - variables.begin())).as<float>();
  }
  void fails_with(const std::vector<std::string>& texts) {
    const std::vector<float> before = parameters(*program, *weights);
    const auto losses = step->compute(data.batch, 77);
    BOOST_TEST_REQUIRE(!losses.ok());
    for (const std::string& text : texts) {
      const bool said = losses.status().message().find(text) != std::string::npos;
      BOOST_TEST(said, text << " is not in: " << losses.status().message());
    }
    BOOST_TEST(same_bits(parameters(*program, *weights), before));
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_batch_in_parts_is_the_batch) {
  for (const std::string class_weights : {"null", "[0.2, 3, 0, 1, 0.5]"}) {
    const Outcome whole = step(1, class_weights);
    BOOST_TEST(norm(whole.change) > 1e-3);
    for (const std::int64_t parts : {2, 4, 8}) {
      const Outcome sum = step(parts, class_weights);
      BOOST_TEST(std::abs(sum.losses.total - whole.losses.total) < 1e-6);
      BOOST_TEST(std::abs(sum.losses.main - whole.losses.main) < 1e-6);
      BOOST_TEST(std::abs(sum.losses.aux - whole.losses.aux) < 1e-6);
      BOOST_TEST((sum.confusion == whole.confusion));
      BOOST_TEST(relative_distance(sum.change, whole.change) < 1e-5);
      BOOST_TEST(same_bits(step(parts, class_weights).change, sum.change));
    }
  }
  BOOST_TEST(!same_bits(step(2, "null").change, step(2, "[0.2, 3, 0, 1, 0.5]").change));
}

BOOST_AUTO_TEST_CASE(a_batch_without_labels_changes_nothing) {
  Tiny tiny;
  std::ranges::fill(tiny.data.label, 255);
  const training::Losses losses = take(tiny.step->compute(tiny.data.batch, 77));
  BOOST_TEST(losses.total == 0);
}

BOOST_AUTO_TEST_CASE(parts_that_do_not_divide_the_batch) {
  const auto program = plain_net();
  const auto weights = take(weights::Weights::initialise(
      *program, 5, take(ops::make_cpu_backend(0, ops::with_training_kernels()))));
  const auto made = training::BatchStep::make(program, weights, kBatch, settings(3));
  BOOST_TEST_REQUIRE(!made.ok());
  BOOST_TEST(made.status().message().find("accumulate") != std::string::npos, made.status().message());
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_has_a_name) {
  const float nan = std::nanf("");
  BOOST_TEST_CONTEXT("a parameter") {
    Tiny tiny;
    tiny.parameter("pretrained.layer2.0.conv2.weight")[3] = nan;
    tiny.fails_with({"the loss is not finite",
                     "the parameter pretrained.layer2.0.conv2.weight was not finite", "nan at (0, 0, 1, 0)",
                     "y of pretrained.layer2.0.conv2 (conv2d)"});
  }
  BOOST_TEST_CONTEXT("an image of the second part") {
    Tiny tiny;
    tiny.data.image[tiny.data.image.size() - 1] = -INFINITY;
    tiny.fails_with({"the input image was not finite", "-inf at (3, 2, 23, 23)"});
  }
  BOOST_TEST_CONTEXT("an overflow on the way") {
    Tiny tiny;
    tiny.parameter("pretrained.layer3.0.bn1.weight")[1] = 3e38f;
    tiny.parameter("pretrained.layer3.0.bn1.bias")[1] = 3e38f;
    tiny.fails_with({"the first output that is not finite is", "pretrained.layer3.0.bn1"});
  }
}

BOOST_AUTO_TEST_CASE(a_sum_over_parts_that_overflows_has_a_name) {
  const auto program = plain_net();
  const auto weights = take(weights::Weights::initialise(
      *program, 5, take(ops::make_cpu_backend(0, ops::with_training_kernels()))));
  const auto& variables = program->model().variables;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].kind != VariableKind::parameter) continue;
    const TensorView view = weights->variable(i);
    std::fill_n(view.as<float>(), view.desc.shape.count(), variables[i].name == "stem.weight" ? 1e36f : 0.0f);
  }
  weights->touch();
  const auto step = take(training::BatchStep::make(program, weights, kBatch, settings(2)));
  Samples data = samples(5);
  std::ranges::fill(data.label, 1);
  const auto losses = step->compute(data.batch, 77);
  BOOST_TEST_REQUIRE(!losses.ok());
  for (const std::string text : {"head.weight is not finite", "not their sum", "nothing was updated"})
    BOOST_TEST(losses.status().message().find(text) != std::string::npos, losses.status().message());
}
