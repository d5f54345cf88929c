#include <algorithm>

#include "ops/conv2d/cpu_winograd_points.h"
#include "ops/conv2d/winograd.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::conv2d::winograd {
namespace {

// The transpose of filter_out: four values along one axis to six.
inline void filter_spread(const float* const (&y)[kOut], std::int64_t count, float* to, std::int64_t pitch) {
  for (std::int64_t c = 0; c < count; ++c) {
    const float even = y[0][c] + kP2 * y[2][c], odd = kP * y[1][c] + kP3 * y[3][c];
    const float near = y[0][c] + kQ2 * y[2][c], far = kQ * y[1][c] + kQ3 * y[3][c];
    to[c] = y[0][c];
    to[pitch + c] = even + odd;
    to[2 * pitch + c] = even - odd;
    to[3 * pitch + c] = near + far;
    to[4 * pitch + c] = near - far;
    to[5 * pitch + c] = y[3][c];
  }
}

[[gnu::flatten]] GRAPHRUN_SIMD void spread_loop(const OutTile<const float>& pixels, std::int64_t channels,
                                                float* to, std::int64_t pitch) {
  for (std::int64_t begin = 0; begin < channels; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, channels - begin);
    float half[kIn * kOut * kBlock];  // by row, column and channel
    for (std::size_t j = 0; j < kOut; ++j) {
      const float* y[kOut];
      for (std::size_t i = 0; i < kOut; ++i) {
        const float* const pixel = pixels[i * kOut + j];
        y[i] = pixel == nullptr ? kZeros : pixel + begin;
      }
      filter_spread(y, count, half + j * kBlock, kOut * kBlock);
    }
    for (std::size_t i = 0; i < kIn; ++i) {
      const float* y[kOut];
      for (std::size_t j = 0; j < kOut; ++j) y[j] = half + (i * kOut + j) * kBlock;
      filter_spread(y, count, to + static_cast<std::int64_t>(i) * kIn * pitch + begin, pitch);
    }
  }
}

GRAPHRUN_SIMD void gather_loop(const float* from, std::int64_t pitch, std::int64_t channels, float* gweight) {
  for (std::int64_t begin = 0; begin < channels; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, channels - begin);
    float taps[kTaps][kBlock] = {};
    for (std::int64_t row = 0; row < kIn; ++row) {
      float half[3][kBlock] = {};
      for (std::int64_t column = 0; column < kIn; ++column) {
        const float* const point = from + (row * kIn + column) * pitch + begin;
        for (std::size_t l = 0; l < 3; ++l) {
          const auto g = static_cast<float>(kG[column][l]);
          for (std::int64_t c = 0; c < count; ++c) half[l][c] += g * point[c];
        }
      }
      for (std::size_t k = 0; k < 3; ++k) {
        const auto g = static_cast<float>(kG[row][k]);
        for (std::size_t l = 0; l < 3; ++l) {
          for (std::int64_t c = 0; c < count; ++c) taps[3 * k + l][c] += g * half[l][c];
        }
      }
    }
    for (std::int64_t c = 0; c < count; ++c) {
      for (std::int64_t k = 0; k < kTaps; ++k) gweight[(begin + c) * kTaps + k] = taps[k][c];
    }
  }
}

}  // namespace

void spread_out(const OutTile<const float>& pixels, std::int64_t channels, float* to, std::int64_t pitch) {
  spread_loop(pixels, channels, to, pitch);
}
void gather_weights(const float* from, std::int64_t pitch, std::int64_t channels, float* gweight) {
  gather_loop(from, pitch, channels, gweight);
}

}  // namespace graphrun::ops::conv2d::winograd
