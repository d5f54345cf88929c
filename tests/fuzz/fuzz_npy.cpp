#include "runtime/weights/npy.h"
#include "tests/fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile input(data, size);
  const auto array = weights::read_npy(input.path());
  if (array.ok()) fuzz::require(static_cast<std::int64_t>(array->bytes.size()) == array->desc.bytes());
  return 0;
}
