#pragma once

#include <cstdint>

#include "ops/conv2d/geometry.h"

namespace graphrun::ops::conv2d {

// A map of these extents around x, whose rows and columns begin at (top, left), so that nothing is padded.
struct Frame {
  std::int64_t top = 0, left = 0, height = 0, width = 0;  // height 0: there is none
  std::int64_t content_bytes = 0;                         // of a pixel
  std::int64_t pixel_bytes = 0;                           // from pixel to pixel; at least the content
  explicit operator bool() const { return height > 0; }
};

// What the windows of g reach, the padding included; `size` is that of an element.
Frame frame_of(const Geometry& g, std::int64_t size);
// Copies x, whose pixels are x_step bytes apart, row by row, each with what is left and right of it: bytes of
// `fill`. What lies between pixels stays as it is.
void copy_into_frame(const Geometry& g, const Frame& frame, std::uint8_t fill, const void* x,
                     std::int64_t x_step, void* to, int threads);

}  // namespace graphrun::ops::conv2d
