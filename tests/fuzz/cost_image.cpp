#include "datasets/image_io.h"
#include "tests/fuzz/input_file.h"

// As fuzz_image, of images of any size: what they cost is the question.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile input(data, size);
  (void)datasets::read_image(input.path()).ok();
  (void)datasets::read_label(input.path()).ok();
  return 0;
}
