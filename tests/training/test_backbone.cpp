#include <algorithm>
#include <cstdlib>
#include <vector>

#include "runtime/weights/safetensors.h"
#include "tests/datasets/scratch.h"
#include "tests/session/compiled.h"
#include "training/run/backbone.h"
#include "training/run/rename_rules.h"

// ImageNet checkpoints as they are found, into the networks that can start from them: by name and by shape.
using namespace graphrun;
using namespace graphrun::test;

namespace {

struct Entry {
  std::string name;
  Shape shape;
};
using Checkpoint = std::vector<Entry>;

void add_norm(Checkpoint& file, const std::string& name, std::int64_t channels) {
  for (const char* part : {"weight", "bias", "running_mean", "running_var"})
    file.push_back({name + "." + part, {channels}});
}

// What all ResNets have in common, for `width` channels of the stem, in spnet_tiny's and pspnet_tiny's size.
Checkpoint stages(std::int64_t width, std::int64_t stem) {
  Checkpoint file{{"fc.weight", {1000, 12 * width}}, {"fc.bias", {1000}}};
  const std::int64_t planes_of[] = {width, 3 * width / 2, 2 * width, 3 * width};
  std::int64_t in = stem;
  for (int stage = 0; stage < 4; ++stage) {
    const std::int64_t planes = planes_of[stage];
    for (int block = 0; block < (stage == 0 ? 1 : 2); ++block, in = 4 * planes) {
      const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
      file.push_back({name + "conv1.weight", {planes, in, 1, 1}});
      file.push_back({name + "conv2.weight", {planes, planes, 3, 3}});
      file.push_back({name + "conv3.weight", {4 * planes, planes, 1, 1}});
      add_norm(file, name + "bn1", planes);
      add_norm(file, name + "bn2", planes);
      add_norm(file, name + "bn3", 4 * planes);
      if (block != 0) continue;
      file.push_back({name + "downsample.0.weight", {4 * planes, in, 1, 1}});
      add_norm(file, name + "downsample.1", 4 * planes);
    }
  }
  return file;
}

constexpr std::int64_t kWidth = 8;

Checkpoint torchvision() {
  Checkpoint file = stages(kWidth, kWidth);
  file.push_back({"conv1.weight", {kWidth, 3, 7, 7}});
  add_norm(file, "bn1", kWidth);
  return file;
}

Checkpoint semseg() {
  Checkpoint file = stages(kWidth, 2 * kWidth);
  file.push_back({"conv1.weight", {kWidth, 3, 3, 3}});
  file.push_back({"conv2.weight", {kWidth, kWidth, 3, 3}});
  file.push_back({"conv3.weight", {2 * kWidth, kWidth, 3, 3}});
  add_norm(file, "bn1", kWidth);
  add_norm(file, "bn2", kWidth);
  add_norm(file, "bn3", 2 * kWidth);
  return file;
}

Checkpoint spnet() {
  Checkpoint file = stages(kWidth, 2 * kWidth);
  file.push_back({"conv1.0.weight", {kWidth, 3, 3, 3}});
  file.push_back({"conv1.3.weight", {kWidth, kWidth, 3, 3}});
  file.push_back({"conv1.6.weight", {2 * kWidth, kWidth, 3, 3}});
  add_norm(file, "conv1.1", kWidth);
  add_norm(file, "conv1.4", kWidth);
  add_norm(file, "bn1", 2 * kWidth);
  return file;
}

// Each tensor is full of a number of its own: its place in the list, from 1.
void write(const Checkpoint& file, const std::filesystem::path& path) {
  std::vector<std::vector<float>> values;
  std::vector<weights::NamedTensor> tensors;
  for (const Entry& entry : file) {
    values.emplace_back(entry.shape.count(), static_cast<float>(values.size() + 1));
    tensors.push_back({entry.name, TensorDesc::dense(DType::f32, entry.shape),
                       std::as_bytes(std::span<const float>(values.back()))});
  }
  require_ok(weights::write_safetensors(path.string(), tensors, {}));
}

std::shared_ptr<const model::Program> network(const std::string& name, bool plain,
                                              std::int64_t channels = 3) {
  std::vector<compiler::Definition> definitions{{"width", kWidth},
                                                {"channels", static_cast<double>(channels)}};
  if (plain) definitions.push_back({"deep_base", 0});
  if (name == "spnet_tiny") definitions.push_back({"spm_on", 0});
  compiler::Compiled compiled =
      compiler::compile(kSource / "graphs" / (name + ".json"), definitions, ops::op_registry());
  BOOST_TEST_REQUIRE(compiled.errors == "");
  return take(model::Program::make(*std::move(compiled.model), ops::op_registry()));
}

// The tensor of the file that a variable now holds, or empty.
std::string held(const model::Program& program, const weights::Weights& weights, const Checkpoint& file,
                 std::string_view name) {
  for (std::size_t i = 0; i < program.model().variables.size(); ++i) {
    if (program.model().variables[i].name != name) continue;
    const float value = floats(weights.variable(i))[0];
    const auto index = static_cast<std::size_t>(value);
    if (value == static_cast<float>(index) && index >= 1 && index <= file.size()) return file[index - 1].name;
  }
  return {};
}

struct Mapping {
  Checkpoint file;
  std::string net;
  bool plain;
  std::vector<std::pair<std::string, std::string>> pairs;  // variable, tensor of the file
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_kind_of_backbone_finds_its_place) {
  setenv("GRAPHRUN_HOME", GRAPHRUN_SOURCE_DIR, 1);
  const std::vector<Mapping> mappings{
      {semseg(),
       "pspnet_tiny",
       false,
       {{"layer0.6.weight", "conv3.weight"}, {"layer0.7.running_var", "bn3.running_var"}}},
      {semseg(),
       "psanet_tiny",
       false,
       {{"layer0.0.weight", "conv1.weight"}, {"layer4.1.bn3.bias", "layer4.1.bn3.bias"}}},
      {semseg(),
       "spnet_tiny",
       false,
       {{"pretrained.conv1.3.weight", "conv2.weight"}, {"pretrained.bn1.bias", "bn3.bias"}}},
      {torchvision(),
       "pspnet_tiny",
       true,
       {{"layer0.0.weight", "conv1.weight"}, {"layer0.1.bias", "bn1.bias"}}},
      {torchvision(), "psanet_tiny", true, {{"layer1.0.downsample.1.bias", "layer1.0.downsample.1.bias"}}},
      {torchvision(),
       "spnet_tiny",
       true,
       {{"pretrained.conv1.weight", "conv1.weight"}, {"pretrained.bn1.bias", "bn1.bias"}}},
      {spnet(),
       "pspnet_tiny",
       false,
       {{"layer0.3.weight", "conv1.3.weight"}, {"layer0.7.weight", "bn1.weight"}}},
      {spnet(), "psanet_tiny", false, {{"layer0.4.running_mean", "conv1.4.running_mean"}}},
      {spnet(), "spnet_tiny", false, {{"pretrained.conv1.6.weight", "conv1.6.weight"}}}};
  const Scratch folder;
  const auto path = folder / "backbone.safetensors";
  for (const Mapping& mapping : mappings) {
    BOOST_TEST_CONTEXT(mapping.pairs[0].second << " into " << mapping.net) {
      const auto program = network(mapping.net, mapping.plain);
      const auto weights = take(weights::Weights::initialise(*program, 0, take(ops::make_cpu_backend(1))));
      write(mapping.file, path);
      const training::BackboneReport report =
          take(training::load_backbone(path.string(), *program, *weights));
      BOOST_TEST(report.not_taken == (std::vector<std::string>{"fc.bias", "fc.weight"}),
                 boost::test_tools::per_element());
      BOOST_TEST(report.unset.empty());
      for (const auto& [variable, tensor] : mapping.pairs)
        BOOST_TEST(held(*program, *weights, mapping.file, variable) == tensor);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_first_convolution_is_widened_and_keeps_its_sum) {
  setenv("GRAPHRUN_HOME", GRAPHRUN_SOURCE_DIR, 1);
  const Scratch folder;
  const auto path = folder / "backbone.safetensors";
  const Checkpoint file = torchvision();
  write(file, path);
  for (const std::int64_t channels : {1, 2, 4, 7}) {
    const auto program = network("pspnet_tiny", true, channels);
    const auto weights = take(weights::Weights::initialise(*program, 0, take(ops::make_cpu_backend(1))));
    const training::BackboneReport report = take(training::load_backbone(path.string(), *program, *weights));
    BOOST_TEST(report.widened == std::vector<std::string>{"layer0.0.weight"},
               boost::test_tools::per_element());
    BOOST_TEST(report.unset.empty());
    BOOST_TEST(training::format_report(report, false)
                   .find("layer0.0.weight has " + std::to_string(channels) + " channels") !=
               std::string::npos);
    const auto first =
        std::ranges::find(program->model().variables, "layer0.0.weight", &model::Variable::name);
    const std::span<const float> values =
        floats(weights->variable(static_cast<std::size_t>(first - program->model().variables.begin())));
    // (out, channels, 7, 7): of the file all are the tensor's number.
    const auto tensor = std::ranges::find(file, "conv1.weight", &Entry::name) - file.begin() + 1;
    float sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) sum += values[static_cast<std::size_t>(49 * c)];
    BOOST_TEST(sum == 3 * static_cast<float>(tensor), boost::test_tools::tolerance(1e-5F));
  }
}

BOOST_AUTO_TEST_CASE(a_backbone_with_another_stem_is_an_error_that_says_what_helps) {
  setenv("GRAPHRUN_HOME", GRAPHRUN_SOURCE_DIR, 1);
  const Scratch folder;
  const auto path = folder / "backbone.safetensors";
  const auto message = [&](const Checkpoint& file, const std::string& net, bool plain) {
    write(file, path);
    const auto program = network(net, plain);
    const auto weights = take(weights::Weights::initialise(*program, 0, take(ops::make_cpu_backend(1))));
    const auto report = training::load_backbone(path.string(), *program, *weights);
    BOOST_TEST_REQUIRE(!report.ok());
    return report.status().message();
  };
  const auto says = [](const std::string& text, const char* part) {
    BOOST_TEST(text.find(part) != std::string::npos, text << " does not say " << part);
  };
  const char* const hint = "torchvision's ResNet needs a model of graphc -D deep_base=0";
  for (const char* net : {"pspnet_tiny", "psanet_tiny"}) {
    const std::string deep_model = message(torchvision(), net, false);
    says(deep_model, "layer0.0.weight");
    says(deep_model, hint);
    for (const Checkpoint& file : {semseg(), spnet()}) says(message(file, net, true), hint);
  }
  says(message(torchvision(), "spnet_tiny", false), hint);
  says(message(spnet(), "spnet_tiny", true), hint);
  // The stem is not to blame for other tensors.
  Checkpoint narrow = semseg();
  std::ranges::find(narrow, std::string("layer4.1.conv1.weight"), &Entry::name)->shape[0] = 3;
  BOOST_TEST(message(narrow, "pspnet_tiny", false).find("torchvision") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(names_of_the_hub_have_places_in_segformer) {
  setenv("GRAPHRUN_HOME", GRAPHRUN_SOURCE_DIR, 1);
  const training::RenameRules map = take(training::find_map("hub-segformer"));
  const std::string block = "segformer.encoder.block.2.17.", here = "segformer.stages.2.blocks.17.";
  BOOST_TEST(map.apply(block + "attention.self.sr.bias") ==
             here + "attention.sequence_reduction.sequence_reduction.bias");
  BOOST_TEST(map.apply(block + "mlp.dwconv.dwconv.weight") == here + "mlp.dwconv.dwconv.weight");
  BOOST_TEST(map.apply("decode_head.linear_c.3.proj.bias") == "decode_head.linear_projections.3.proj.bias");
  BOOST_TEST(map.apply("decode_head.classifier.weight") == "decode_head.classifier.weight");
  BOOST_TEST(map.apply("segformer.encoder.block.2") == "");
  BOOST_TEST(map.apply("classifier.weight") == "");
  BOOST_TEST(map.may_give(here + "layernorm_before.weight"));
  BOOST_TEST(!map.may_give("segformer.stages.2.layernorm_before.weight"));
}
