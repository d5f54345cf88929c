#include <algorithm>
#include <cmath>

#include "graphrun/bfloat16.h"
#include "ops/conv2d/cpu_winograd_points.h"
#include "ops/conv2d/geometry.h"
#include "ops/conv2d/winograd.h"
#include "runtime/cpu/simd.h"

// The three transforms of winograd.h, where their matrices stand. Each is applied along columns and then
// along rows of a tile, for up to 64 channels at once: channels are the lanes of every loop, so that pixels
// are read and points are written in order, and what lies between the two passes stays in the first-level
// cache (9 KB). Bt and At are written out with the terms that rows of +p and -p, and of +q and -q, have in
// common; weights, which are transformed once where they are constant, are multiplied by G in double
// precision. transform_out() adds bias and residual and applies ReLU while a row of results is at hand.
namespace graphrun::ops::conv2d::winograd {
namespace {

// Six values along one axis to six, for `count` channels; results lie `pitch` apart.
inline void filter_in(const float* const (&d)[kIn], std::int64_t count, float* to, std::int64_t pitch) {
  for (std::int64_t c = 0; c < count; ++c) {
    const float even = d[4][c] - kQ2 * d[2][c], odd = kP * (d[3][c] - kQ2 * d[1][c]);
    const float near = d[4][c] - kP2 * d[2][c], far = kQ * (d[3][c] - kP2 * d[1][c]);
    to[c] = kP2 * kQ2 * d[0][c] - (kP2 + kQ2) * d[2][c] + d[4][c];
    to[pitch + c] = even + odd;
    to[2 * pitch + c] = even - odd;
    to[3 * pitch + c] = near + far;
    to[4 * pitch + c] = near - far;
    to[5 * pitch + c] = kP2 * kQ2 * d[1][c] - (kP2 + kQ2) * d[3][c] + d[5][c];
  }
}

// Six products along one axis, `from_pitch` apart, to four results.
inline void filter_out(const float* m, std::int64_t from_pitch, std::int64_t count, float* to,
                       std::int64_t pitch) {
  for (std::int64_t c = 0; c < count; ++c) {
    const float one = m[from_pitch + c], two = m[2 * from_pitch + c];
    const float three = m[3 * from_pitch + c], four = m[4 * from_pitch + c];
    to[c] = m[c] + (one + two) + (three + four);
    to[pitch + c] = kP * (one - two) + kQ * (three - four);
    to[2 * pitch + c] = kP2 * (one + two) + kQ2 * (three + four);
    to[3 * pitch + c] = kP3 * (one - two) + kQ3 * (three - four) + m[5 * from_pitch + c];
  }
}

// Some channels of a pixel as floats: in place, or in `room`.
inline const float* floats(const float* pixel, std::int64_t, float*) { return pixel; }
inline const float* floats(const BFloat16* pixel, std::int64_t count, float* room) {
  for (std::int64_t c = 0; c < count; ++c) room[c] = static_cast<float>(pixel[c]);
  return room;
}

template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void in_loop(const InTile<T>& pixels, std::int64_t channels, float* to,
                                            std::int64_t pitch) {
  for (std::int64_t begin = 0; begin < channels; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, channels - begin);
    float half[kIn * kIn * kBlock];  // by row, column and channel
    for (std::size_t j = 0; j < kIn; ++j) {
      float room[kIn][kBlock];
      const float* d[kIn];
      for (std::size_t i = 0; i < kIn; ++i) {
        const T* const pixel = pixels[i * kIn + j];
        d[i] = pixel == nullptr ? kZeros : floats(pixel + begin, count, room[i]);
      }
      filter_in(d, count, half + j * kBlock, kIn * kBlock);
    }
    for (std::size_t i = 0; i < kIn; ++i) {
      const float* d[kIn];
      for (std::size_t j = 0; j < kIn; ++j) d[j] = half + (i * kIn + j) * kBlock;
      filter_in(d, count, to + static_cast<std::int64_t>(i) * kIn * pitch + begin, pitch);
    }
  }
}

template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void out_loop(const float* from, std::int64_t pitch, std::int64_t channels,
                                             const OutPixels<T>& pixels) {
  for (std::int64_t begin = 0; begin < channels; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, channels - begin);
    float half[kOut * kIn * kBlock];  // by row, column and channel
    for (std::size_t j = 0; j < kIn; ++j)
      filter_out(from + static_cast<std::int64_t>(j) * pitch + begin, kIn * pitch, count, half + j * kBlock,
                 kIn * kBlock);
    for (std::size_t i = 0; i < kOut; ++i) {
      float row[kOut * kBlock];
      filter_out(half + i * kIn * kBlock, kBlock, count, row, kBlock);
      for (std::size_t j = 0; j < kOut; ++j) {
        T* const y = pixels.y[i * kOut + j];
        if (y == nullptr) continue;
        float* const line = row + j * kBlock;
        if (pixels.bias != nullptr) {
          for (std::int64_t c = 0; c < count; ++c) line[c] += pixels.bias[begin + c];
        }
        if (pixels.add) {
          const T* const residual = pixels.residual[i * kOut + j] + begin;
          for (std::int64_t c = 0; c < count; ++c) line[c] += static_cast<float>(residual[c]);
        }
        const float least = pixels.relu ? 0.0f : -INFINITY;
        // NaN stays NaN.
        for (std::int64_t c = 0; c < count; ++c) y[begin + c] = T(least > line[c] ? least : line[c]);
      }
    }
  }
}

GRAPHRUN_SIMD void weights_loop(const float* weight, std::int64_t channels, const WeightLayout& form,
                                float* to, std::int64_t pitch) {
  for (std::int64_t begin = 0; begin < channels; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, channels - begin);
    double taps[kTaps][kBlock];
    for (std::int64_t c = 0; c < count; ++c) {
      const float* const window = weight + (begin + c) * kTaps;
      for (std::int64_t k = 0; k < kTaps; ++k)
        taps[k][c] = form.scale * static_cast<double>(window[form.flipped ? kTaps - 1 - k : k]);
    }
    for (std::int64_t row = form.first; row < form.last; ++row) {
      const double* const f = kG[row];
      double half[3][kBlock];
      for (std::size_t l = 0; l < 3; ++l) {
        for (std::int64_t c = 0; c < count; ++c)
          half[l][c] = f[0] * taps[l][c] + f[1] * taps[3 + l][c] + f[2] * taps[6 + l][c];
      }
      for (std::int64_t column = 0; column < kIn; ++column) {
        const double* const g = kG[column];
        float* const point = to + ((row - form.first) * kIn + column) * pitch + begin;
        for (std::int64_t c = 0; c < count; ++c)
          point[c] = static_cast<float>(g[0] * half[0][c] + g[1] * half[1][c] + g[2] * half[2][c]);
      }
    }
  }
}

// First results of the tiles along one axis.
std::vector<std::int64_t> first_results(std::int64_t out, std::int64_t dilation) {
  std::vector<std::int64_t> first;
  for (std::int64_t phase = 0; phase < std::min(dilation, out); ++phase) {
    for (std::int64_t at = phase; at < out; at += kOut * dilation) first.push_back(at);
  }
  return first;
}

// As many as first_results() has.
std::int64_t count_results(std::int64_t out, std::int64_t dilation) {
  std::int64_t count = 0;
  for (std::int64_t phase = 0; phase < std::min(dilation, out); ++phase)
    count += (out - phase + kOut * dilation - 1) / (kOut * dilation);
  return count;
}

}  // namespace

Tiles::Tiles(const Geometry& g)
    : g_(g), rows_(first_results(g.oh, g.dh)), columns_(first_results(g.ow, g.dw)) {}

std::int64_t Tiles::count() const { return g_.n * static_cast<std::int64_t>(rows_.size() * columns_.size()); }

Tiles::Place Tiles::place_of(std::int64_t tile) const {
  const auto columns = static_cast<std::int64_t>(columns_.size());
  const auto rows = static_cast<std::int64_t>(rows_.size());
  return {tile / columns / rows, rows_[static_cast<std::size_t>(tile / columns % rows)],
          columns_[static_cast<std::size_t>(tile % columns)]};
}

Status require_tiles(const KernelRequest& request, const Geometry& g) {
  if (g.kh != 3 || g.kw != 3 || g.sh != 1 || g.sw != 1)
    return {ErrorCode::declined, "takes 3x3 windows with stride 1"};
  GRAPHRUN_TRY(require_one_group(g));
  constexpr std::int64_t kFewest = 64;  // channels, tiles
  const std::int64_t rows = count_results(g.oh, g.dh);
  const std::int64_t columns = count_results(g.ow, g.dw);
  const std::int64_t all = g.n * rows * columns;
  const bool half_empty = g.n * g.oh * g.ow * 2 < all * kOut * kOut;
  if (std::min(g.c, g.o) < kFewest || all < kFewest || half_empty)
    return {ErrorCode::declined, "too few channels, or tiles too few or too empty"};
  return take_tables(request, (rows + columns) * static_cast<std::int64_t>(sizeof(std::int64_t)));
}

template <class T>
void transform_in(const InTile<T>& pixels, std::int64_t channels, float* to, std::int64_t pitch) {
  in_loop(pixels, channels, to, pitch);
}
template void transform_in(const InTile<float>&, std::int64_t, float*, std::int64_t);
template void transform_in(const InTile<BFloat16>&, std::int64_t, float*, std::int64_t);

template <class T>
void transform_out(const float* from, std::int64_t pitch, std::int64_t channels, const OutPixels<T>& pixels) {
  out_loop(from, pitch, channels, pixels);
}
template void transform_out(const float*, std::int64_t, std::int64_t, const OutPixels<float>&);
template void transform_out(const float*, std::int64_t, std::int64_t, const OutPixels<BFloat16>&);

void transform_weights(const float* weight, std::int64_t channels, const WeightLayout& form, float* to,
                       std::int64_t pitch) {
  weights_loop(weight, channels, form, to, pitch);
}
}  // namespace graphrun::ops::conv2d::winograd
