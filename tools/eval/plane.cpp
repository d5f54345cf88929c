#include "tools/eval/plane.h"

#include <new>

namespace graphrun {

Status Plane::reserve(const Extent& size, std::int64_t channels) {
  const std::int64_t pixels = size.height * size.width;
  if (pixels > kMaxPixels) {
    return {ErrorCode::invalid_argument, "a view of " + std::to_string(pixels) + " pixels is more than " +
                                             std::to_string(kMaxPixels) + "; lower base_size or the scales"};
  }
  const std::int64_t count = pixels * channels;
  if (count <= floats_) return {};
  data_.reset();
  floats_ = 0;
  data_.reset(new (std::nothrow) float[static_cast<std::size_t>(count)]);
  if (!data_) {
    return {ErrorCode::out_of_memory,
            "no memory for " + std::to_string(bytes(size, channels)) + " bytes of probabilities"};
  }
  floats_ = count;
  return {};
}

}  // namespace graphrun
