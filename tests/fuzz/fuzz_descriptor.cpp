#include "datasets/descriptor.h"
#include "tests/fuzz/input_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  (void)datasets::parse_descriptor(fuzz::text_of(data, size), "set.json").ok();
  return 0;
}
