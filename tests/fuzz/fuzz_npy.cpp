#include "runtime/weights/npy.h"
#include "tests/fuzz/input_file.h"

// An array of NumPy. What is taken is written, and taken again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile input(data, size);
  const auto array = weights::read_npy(input.path());
  if (!array.ok()) return 0;
  fuzz::require(static_cast<std::int64_t>(array->bytes.size()) == array->desc.bytes());
  const fuzz::InputFolder folder("input.npy", data, size);
  const std::string path = folder.path() + "/again.npy";
  fuzz::require(weights::write_npy(path, array->desc, array->bytes).ok());
  const auto again = weights::read_npy(path);
  fuzz::require(again.ok() && again->desc == array->desc && again->bytes == array->bytes);
  return 0;
}
