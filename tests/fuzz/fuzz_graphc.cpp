#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/model/model_file.h"
#include "tests/fuzz/input_file.h"

// A graph file. What compiles makes a model file that is taken, and errors are never empty.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile file(data, size);
  const OpRegistry& ops = ops::op_registry();
  const compiler::Compiled compiled = compiler::compile(file.path(), {}, ops, {.check_each_pass = true});
  fuzz::require(compiled.model.has_value() == compiled.errors.empty());
  if (!compiled.model) return 0;
  const auto written = model::serialize(*compiled.model);
  if (written.ok()) fuzz::require(model::parse_model(*written, ops).ok());
  return 0;
}
