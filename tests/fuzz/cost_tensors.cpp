#include "runtime/weights/tensor_file.h"
#include "tests/fuzz/input_file.h"

// As fuzz_tensors, opened once, for a model, as programs do.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile input(data, size);
  weights::TensorChoice choice;
  choice.wants = [](std::string_view name) { return name == "weight" || name.ends_with(".weight"); };
  (void)weights::TensorFile::open(input.path(), choice).ok();
  return 0;
}
