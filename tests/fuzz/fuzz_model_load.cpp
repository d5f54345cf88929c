#include "ops/registry.h"
#include "runtime/model/model_file.h"
#include "tests/fuzz/input_file.h"

// A model file with the real ops. What is taken can be written, and is taken again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const OpRegistry& ops = ops::op_registry();
  const Result<model::Model> model = model::parse_model(fuzz::bytes_of(data, size), ops);
  if (!model.ok()) return 0;
  const auto written = model::serialize(*model);
  if (written.ok()) fuzz::require(model::parse_model(*written, ops).ok());
  return 0;
}
