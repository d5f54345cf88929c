#pragma once

#include <cstdint>
#include <vector>

#include "ops/conv2d/kernels.h"

// Convolutions each of whose outputs reads the channel of its own number alone. There is no matrix to
// multiply: what counts is that memory is read once, in order, so rows are walked pixel by pixel with
// neighbouring channels as lanes.
namespace graphrun::ops::conv2d::depthwise {

// What outputs read along one axis.
struct Reads {
  struct Tap {
    std::int32_t tap, source;
  };
  std::vector<std::int32_t> begin;  // of each output among `taps`, and the end of the last
  std::vector<Tap> taps;
  // Outputs [first_whole, end_whole) read all taps; tap k of output i at i * step + offset + k * spacing.
  std::int64_t first_whole = 0, end_whole = 0;
  std::int64_t step = 0, offset = 0, spacing = 0;

  std::int64_t count(std::int64_t i) const {
    return begin[static_cast<std::size_t>(i + 1)] - begin[static_cast<std::size_t>(i)];
  }
  const Tap* of(std::int64_t i) const { return taps.data() + begin[static_cast<std::size_t>(i)]; }
};

// One axis of a window.
struct Window {
  std::int64_t taps, stride, padding, dilation;
};
inline Window rows_of(const Geometry& g) { return {g.kh, g.sh, g.ph, g.dh}; }
inline Window columns_of(const Geometry& g) { return {g.kw, g.sw, g.pw, g.dw}; }

// What y, which has `out` pixels, reads of x, which has `in`.
Reads forward_reads(const Window& window, std::int64_t in, std::int64_t out);
// What x's gradient reads of y's.
Reads gradient_reads(const Window& window, std::int64_t in, std::int64_t out);

inline Status require_depthwise(const Geometry& g) {
  if (g.depthwise() && g.c > 1) return {};
  return {ErrorCode::declined, "takes as many groups as channels"};
}

// (C, taps) to (taps, C).
void taps_first(const float* from, std::int64_t channels, std::int64_t taps, float* to);

}  // namespace graphrun::ops::conv2d::depthwise
