#include "runtime/imaging/float_image.h"

namespace graphrun::imaging {

Status FloatImage::reserve(const Extent& size, std::int64_t channels) {
  const std::int64_t pixels = size.height * size.width;
  if (pixels > kMaxPixels) {
    return {ErrorCode::invalid_argument, "a view of " + std::to_string(pixels) + " pixels is more than " +
                                             std::to_string(kMaxPixels) + "; lower base_size or the scales"};
  }
  const std::int64_t wanted = bytes(size, channels);
  if (buffer_ != nullptr && buffer_->bytes() >= wanted) return {};
  buffer_.reset();
  GRAPHRUN_ASSIGN(buffer_, backend_->allocate(wanted).with_context("probabilities"));
  return {};
}

}  // namespace graphrun::imaging
