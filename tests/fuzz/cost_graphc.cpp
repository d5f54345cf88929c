#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/model/model_file.h"
#include "tests/fuzz/input_file.h"

// As fuzz_graphc, with the checks that programs make.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile file(data, size);
  const compiler::Compiled compiled = compiler::compile(file.path(), {}, ops::op_registry());
  if (compiled.model) (void)model::serialize(*compiled.model).ok();
  return 0;
}
