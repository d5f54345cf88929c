#include <algorithm>
#include <cstddef>

#include "ops/conv2d/frame.h"
#include "runtime/cpu/parallel.h"

namespace graphrun::ops::conv2d {
namespace {

// Rows or columns that the windows reach.
std::int64_t reach(std::int64_t outputs, std::int64_t stride, std::int64_t taps, std::int64_t dilation) {
  return (outputs - 1) * stride + (taps - 1) * dilation + 1;
}

}  // namespace

Frame frame_of(const Geometry& g, std::int64_t size) {
  return {.top = g.ph,
          .left = g.pw,
          .height = reach(g.oh, g.sh, g.kh, g.dh),
          .width = reach(g.ow, g.sw, g.kw, g.dw),
          .content_bytes = g.c * size,
          .pixel_bytes = g.c * size};
}

void copy_into_frame(const Geometry& g, const Frame& frame, std::uint8_t fill, const void* x,
                     std::int64_t x_step, void* to, int threads) {
  const std::byte padding{fill};
  const std::int64_t row_bytes = frame.width * frame.pixel_bytes;
  const std::int64_t first = std::min(frame.left, frame.width) * frame.pixel_bytes;
  const std::int64_t pixels = std::clamp<std::int64_t>(frame.width - frame.left, 0, g.w);
  const std::int64_t end = first + pixels * frame.pixel_bytes;
  const bool dense = x_step == frame.content_bytes && frame.pixel_bytes == frame.content_bytes;
  constexpr std::int64_t kBytesOfPiece = 65536;
  const std::int64_t piece = std::max<std::int64_t>(1, kBytesOfPiece / row_bytes);
  cpu::parallel_for(threads, g.n * frame.height, piece, [&](std::int64_t begin, std::int64_t stop) {
    for (std::int64_t line = begin; line < stop; ++line) {
      const std::int64_t n = line / frame.height, row = line % frame.height - frame.top;
      std::byte* const target = static_cast<std::byte*>(to) + line * row_bytes;
      if (row < 0 || row >= g.h) {
        std::fill_n(target, row_bytes, padding);
        continue;
      }
      std::fill_n(target, first, padding);
      const std::byte* const source = static_cast<const std::byte*>(x) + (n * g.h + row) * g.w * x_step;
      if (dense) {
        std::copy_n(source, pixels * x_step, target + first);
      } else {
        for (std::int64_t w = 0; w < pixels; ++w)
          std::copy_n(source + w * x_step, frame.content_bytes, target + first + w * frame.pixel_bytes);
      }
      std::fill_n(target + end, row_bytes - end, padding);
    }
  });
}

}  // namespace graphrun::ops::conv2d
