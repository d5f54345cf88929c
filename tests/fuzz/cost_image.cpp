#include <string_view>

#include "datasets/image_io.h"
#include "tests/fuzz/input_file.h"

// As fuzz_image, of images of any size: what they cost is the question.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  // The library of codecs is opened by the first image that needs it, which is not that image's cost.
  constexpr std::string_view kPixel = "P2 1 1 255\n0\n";
  if (size == 0)
    return LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(kPixel.data()), kPixel.size());
  const fuzz::InputFile input(data, size);
  (void)datasets::read_image(input.path()).ok();
  (void)datasets::read_label(input.path()).ok();
  return 0;
}
