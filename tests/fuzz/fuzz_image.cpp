#include "datasets/image_io.h"
#include "tests/fuzz/input_file.h"

// An image of any format, as a picture and as a label. The size that its header tells is the picture's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace graphrun;
  const fuzz::InputFile input(data, size);
  const auto extent = datasets::read_image_size(input.path());
  // Solid pictures of many pixels have short files: time is bounded by pixels, and theirs is not of interest.
  constexpr std::int64_t kMaxPixels = 1 << 20;
  if (extent.ok() && extent->height * extent->width > kMaxPixels) return 0;
  const auto image = datasets::read_image(input.path());
  if (image.ok()) {
    fuzz::require(extent.ok() && image->height == extent->height && image->width == extent->width);
    fuzz::require(std::ssize(image->rgb) == 3 * image->height * image->width);
  }
  const auto label = datasets::read_label(input.path());
  if (label.ok()) fuzz::require(std::ssize(label->ids) == label->height * label->width);
  return 0;
}
