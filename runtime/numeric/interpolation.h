#pragma once

#include <cstdint>

namespace graphrun::numeric {

// Where pixels of one grid lie on another grid of the same area, along one axis.
enum class Interpolation : std::uint8_t {
  aligned_corners,  // bilinear; the first and last pixels of both coincide: i reads i (in - 1)/(out - 1)
  half_pixels,      // bilinear; the pixels' edges coincide: i reads (i + 1/2) in/out - 1/2
  nearest,          // i reads floor(i in/out)
};

}  // namespace graphrun::numeric
