#include <boost/test/unit_test.hpp>

#include <rapidjson/document.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "ops/cpu_backend.h"
#include "ops/cpu_training.h"
#include "runtime/core/file.h"
#include "tests/session/compiled.h"
#include "training/averages.h"
#include "training/batch_step.h"
#include "training/schedule.h"

// A network of 3 classes is fine-tuned to 5 with frozen layers, rate multipliers, warm-up, gradient clipping
// and moving averages, beside PyTorch in f64 (tests/oracle/golden_fine_tuning.py).
using namespace graphrun;
using namespace graphrun::test;

namespace {

const std::filesystem::path kFolder = kSource / "tests" / "golden" / "fine_tuning";

std::shared_ptr<const model::Program> network(const compiler::CompileOptions& options, double classes = 5) {
  compiler::Compiled compiled =
      compiler::compile(kFolder / "net.json", std::vector<compiler::Definition>{{"classes", classes}},
                        ops::op_registry(), options);
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

compiler::CompileOptions as_golden() {
  compiler::CompileOptions options;
  options.freeze = {"backbone.conv1.*", "backbone.bn1.*"};
  options.rate_multipliers = {{"backbone.conv2.*", 0.5}};
  return options;
}

std::size_t index_of(const model::Program& program, const std::string& name) {
  const model::Variable* const found = program.model().variable(name);
  BOOST_REQUIRE_MESSAGE(found != nullptr, name);
  return static_cast<std::size_t>(found - program.model().variables.data());
}

std::vector<float> values_of(const TensorView& view) {
  const auto values = floats(view);
  return {values.begin(), values.end()};
}

void check_close(const std::string& name, std::span<const float> actual, std::span<const float> expected) {
  BOOST_TEST_REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    BOOST_TEST(std::abs(actual[i] - expected[i]) <= 1e-6F * std::max(1.0F, std::abs(expected[i])),
               name << " element " << i << ": " << actual[i] << ", expected " << expected[i]);
}

struct Golden {
  rapidjson::Document json;
  weights::NpyArray image = take(weights::read_npy((kFolder / "image.npy").string()));
  weights::NpyArray label = take(weights::read_npy((kFolder / "label.npy").string()));
  training::SettingTable settings;
  static constexpr std::int64_t kBatches = 4, kBatch = 2, kSide = 17;

  Golden() {
    json.Parse(take(core::read_file(kFolder / "losses.json", 1 << 20)).c_str());
    for (const auto& setting : json["settings"].GetObject()) {
      const auto& value = setting.value;
      const std::string text = value.IsString() ? value.GetString()
                               : value.IsInt()  ? std::to_string(value.GetInt())
                                                : std::to_string(value.GetDouble());
      require_ok(settings.set(setting.name.GetString(), text, "test"));
    }
    for (const char* side : {"train_h", "train_w"})
      require_ok(settings.set(side, std::to_string(kSide), "test"));
  }
  // NHWC, as loaders give it.
  datasets::Batch batch(std::int64_t iteration, std::vector<float>& memory) {
    const std::int64_t pixels = kSide * kSide;
    const std::int64_t at = iteration % kBatches;
    const float* const from = image.view().as<float>() + at * kBatch * 3 * pixels;
    memory.resize(static_cast<std::size_t>(kBatch * 3 * pixels));
    for (std::int64_t n = 0; n < kBatch; ++n) {
      for (std::int64_t c = 0; c < 3; ++c) {
        for (std::int64_t p = 0; p < pixels; ++p)
          memory[static_cast<std::size_t>((n * pixels + p) * 3 + c)] = from[(n * 3 + c) * pixels + p];
      }
    }
    const std::int32_t* const labels = label.view().as<std::int32_t>() + at * kBatch * pixels;
    return {iteration, 0, kBatch, kSide, kSide, 3, memory.data(), const_cast<std::int32_t*>(labels), {}};
  }
};

std::shared_ptr<weights::Weights> starting_weights(const model::Program& program) {
  auto made = take(
      weights::Weights::initialise(program, 1, take(ops::make_cpu_backend(0, ops::with_training_kernels()))));
  const auto file =
      take(weights::TensorFile::open((kFolder / "source.pth").string(), weights::choice_for(program)));
  const weights::Initialisation start = take(made->load_but_classes(*file));
  BOOST_TEST(start.taken == 15U);
  BOOST_TEST(start.fresh.size() == 4U);
  // What PyTorch drew for the new heads.
  const auto heads = open_tensors(kFolder / "start.safetensors");
  take(made->load_some(*heads, [](std::string_view name) {
    return name.starts_with("backbone.") ? std::string() : std::string(name);
  }));
  return made;
}

}  // namespace

BOOST_AUTO_TEST_CASE(fine_tuning_is_that_of_pytorch) {
  Golden golden;
  const auto program = network(as_golden());
  const auto values = starting_weights(*program);
  const auto start = open_tensors(kFolder / "start.safetensors");
  const std::vector<std::string> frozen{"backbone.conv1.weight", "backbone.bn1.weight", "backbone.bn1.bias",
                                        "backbone.bn1.running_mean", "backbone.bn1.running_var"};
  const auto step = take(training::BatchStep::make(program, values, Golden::kBatch, golden.settings));
  const auto averages = take(training::Averages::make(*program, values, golden.settings.real("ema")));
  const auto& rows = golden.json["iterations"];
  const training::Schedule schedule =
      take(training::Schedule::make(golden.settings, rows.Size(), rows.Size()));
  std::vector<float> memory;
  for (std::int64_t i = 0; i < rows.Size(); ++i) {
    const auto& row = rows[static_cast<rapidjson::SizeType>(i)];
    const training::Losses losses = take(step->compute(golden.batch(i, memory), 1));
    BOOST_TEST(std::abs(losses.total - row["loss"].GetDouble()) < 1e-5, "iteration " << i + 1);
    BOOST_TEST(std::abs(losses.main - row["main_loss"].GetDouble()) < 1e-5);
    BOOST_TEST(std::abs(losses.aux - row["aux_loss"].GetDouble()) < 1e-5);
    BOOST_TEST(std::abs(schedule.rate(i + 1) - row["lr"].GetDouble()) < 1e-12);
    require_ok(step->clip(golden.settings.real("clip_norm")));
    require_ok(step->update(schedule.rate(i + 1)));
    require_ok(averages->update());
  }
  const auto after = open_tensors(kFolder / "after.safetensors");
  const auto averaged = open_tensors(kFolder / "averages.safetensors");
  for (std::size_t i = 0; i < program->model().variables.size(); ++i) {
    const model::Variable& variable = program->model().variables[i];
    const weights::NamedTensor* const expected = after->find(variable.name);
    if (expected == nullptr) continue;
    check_close(variable.name, floats(values->variable(i)), floats(*expected));
    if (variable.kind == VariableKind::parameter)
      check_close("average of " + variable.name, floats(averages->of(i)),
                  floats(*averaged->find(variable.name)));
  }
  for (const std::string& name : frozen) {
    const std::size_t i = index_of(*program, name);
    const auto before = floats(*start->find(name));
    BOOST_TEST(std::memcmp(values->variable(i).data, before.data(), before.size_bytes()) == 0, name);
    if (program->model().variables[i].kind == VariableKind::parameter)
      BOOST_TEST(std::memcmp(averages->of(i).data, before.data(), before.size_bytes()) == 0, name);
  }
}

BOOST_AUTO_TEST_CASE(gradients_are_clipped_to_their_common_norm) {
  Golden golden;
  const auto program = network(as_golden());
  const auto values = starting_weights(*program);
  session::TrainSession::Options options{
      .n = Golden::kBatch, .h = Golden::kSide, .w = Golden::kSide, .clip = true};
  const auto session = take(session::TrainSession::create(program, values, options));
  std::vector<float> memory;
  const datasets::Batch batch = golden.batch(0, memory);
  model::Backend& backend = *values->backend();
  require_ok(backend.copy_to_device(session->image().data, batch.image, session->image().desc.bytes()));
  require_ok(backend.copy_to_device(session->label().data, batch.label, session->label().desc.bytes()));
  const auto norm = [&] {
    double sum = 0;
    for (const model::Variable& variable : program->model().variables) {
      if (variable.kind != VariableKind::parameter) continue;
      const TensorView gradient = session->gradient(variable.name);
      if (gradient.data == nullptr) continue;
      for (const float value : floats(gradient))
        sum += static_cast<double>(value) * static_cast<double>(value);
    }
    return std::sqrt(sum);
  };
  require_ok(session->compute({1, 0, 0}));
  const double expected = golden.json["iterations"][0]["norm"].GetDouble();
  BOOST_TEST(std::abs(norm() - expected) < 1e-6 * expected);
  // A norm that is not reached changes no bit.
  const std::vector<float> before = values_of(session->gradient("head.weight"));
  BOOST_TEST(std::abs(take(session->clip_gradients(2 * expected)) - expected) < 1e-6 * expected);
  BOOST_TEST((values_of(session->gradient("head.weight")) == before));
  take(session->clip_gradients(expected / 4));
  BOOST_TEST(std::abs(norm() - expected / 4) < 1e-6 * expected);
}

BOOST_AUTO_TEST_CASE(frozen_tensors_have_no_gradient_and_no_state) {
  const auto program = network(as_golden());
  const auto has = [&](const std::string& name) { return program->model().variable(name) != nullptr; };
  BOOST_TEST(has("grad:backbone.conv2.weight"));
  BOOST_TEST(!has("grad:backbone.conv1.weight"));
  BOOST_TEST(!has("momentum_buffer:backbone.conv1.weight"));
  std::size_t states = 0;
  for (const model::Variable& variable : program->model().variables) {
    if (variable.kind == VariableKind::optimizer_state) {
      ++states;
      BOOST_TEST(variable.name.find("conv1") == std::string::npos, variable.name);
      BOOST_TEST(variable.name.find("bn1") == std::string::npos, variable.name);
    }
  }
  BOOST_TEST(states == 10U);
}

BOOST_AUTO_TEST_CASE(nothing_is_computed_below_the_lowest_trained_layer) {
  compiler::CompileOptions heads;
  heads.freeze = {"backbone.*"};
  const auto program = network(heads);
  const model::Method* const train = program->model().method(model::methods::kTrain);
  for (const Node& node : train->nodes) {
    const bool backward = node.op.find("_grad") != std::string::npos;
    BOOST_TEST((!backward || node.path.find("backbone") == std::string::npos), node.op << " " << node.path);
    BOOST_TEST((node.op != "bn_moments" && node.op != "bn_finish"), node.path);
  }
}

BOOST_AUTO_TEST_CASE(options_that_fit_no_parameter) {
  const auto error = [](const compiler::CompileOptions& options) {
    const compiler::Compiled compiled =
        compiler::compile(kFolder / "net.json", {}, ops::op_registry(), options);
    BOOST_TEST(!compiled.model.has_value());
    BOOST_TEST(!compiled.definitions_fit);
    return compiled.errors;
  };
  compiler::CompileOptions misspelt;
  misspelt.freeze = {"backbone.conv9.*"};
  BOOST_TEST(error(misspelt).find("--freeze backbone.conv9.*: no parameter has such a name") !=
             std::string::npos);
  compiler::CompileOptions factor;
  factor.rate_multipliers = {{"heads.*", 2}};
  BOOST_TEST(error(factor).find("--lr-mult heads.*: no parameter has such a name") != std::string::npos);
  compiler::CompileOptions all;
  all.freeze = {"backbone.*", "head.*", "aux.*"};
  BOOST_TEST(error(all).find("--freeze leaves no parameter to train") != std::string::npos);
  compiler::CompileOptions statistics;
  statistics.freeze = {"backbone.bn1.weight", "*.running_mean"};
  BOOST_TEST(error(statistics).find("running statistics are frozen together with") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(other_differences_than_of_classes_are_errors) {
  const auto wide = network({});
  const auto made = take(
      weights::Weights::initialise(*wide, 1, take(ops::make_cpu_backend(0, ops::with_training_kernels()))));
  const auto file =
      take(weights::TensorFile::open((kFolder / "source.pth").string(), weights::choice_for(*wide)));
  BOOST_TEST(!made->load(*file).ok());  // strict as ever
  const auto norms = open_tensors(kFolder / "after.safetensors");
  BOOST_TEST(take(made->load_but_classes(*norms)).fresh.empty());
  const auto missing = made->load_but_classes(*open_tensors(kTiny / "start.safetensors"));
  BOOST_TEST_REQUIRE(!missing.ok());
  BOOST_TEST(missing.status().message().find("19 missing") != std::string::npos);
}
