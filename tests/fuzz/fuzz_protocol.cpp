#include <memory>

#include "ops/registry.h"
#include "runtime/labelling/protocol_json.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/relu_model.h"

namespace {

using namespace graphrun;

// The text as a setting of a model and as its temperature.
void ask_model(const std::string& text, std::optional<model::LabellingProtocol> stored) {
  model::Model model = fuzz::relu_model();
  for (const char* setting : {"scales", "base_size", "test_h", "train_w"}) model.settings[setting] = text;
  model.metadata[labelling::kTemperatureKey] = text;
  model.protocol = std::move(stored);
  (void)labelling::temperature_of(model).ok();
  const auto program = model::Program::make(std::move(model), ops::op_registry());
  if (!program.ok()) return;
  (void)labelling::protocol_of({"model.fb", *program, nullptr, {}, {}}).ok();
  (void)labelling::protocol_of({"model.grun", *program, nullptr, text, {}}).ok();
}

}  // namespace

// A protocol as bundles hold it, and what a model file says in its place. What is taken is taken again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  const auto protocol = labelling::parse_protocol(text);
  if (protocol.ok()) fuzz::require(labelling::parse_protocol(labelling::protocol_json(*protocol)).ok());
  std::optional<model::LabellingProtocol> stored;
  if (size % 2 == 1) stored.emplace().name = text;
  ask_model(text, stored);
  return 0;
}
