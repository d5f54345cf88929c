#pragma once

#include <cstdint>
#include <limits>

#include "runtime/numeric/interpolation_weights.h"

// Rows of logits in the form in which both directions work on them: channels padded to whole vectors, so that
// loops over them have no remainder.
namespace graphrun::ops::resize_cross_entropy {

constexpr std::int64_t padded(std::int64_t channels) { return (channels + 15) / 16 * 16; }

// Stands in the padding: mixed with itself it stays about itself, and its exponential beside any logit is 0.
inline constexpr float kPadding = -3e38f;

template <class T>
struct LogitRow {
  const T* data;
  std::int64_t stride;  // elements from one pixel to the next
};

// Mixes two source rows of `width` pixels into `row`, padded.
template <class T>
[[gnu::always_inline]] inline void blend_rows(const numeric::InterpolationWeights& tap, LogitRow<T> above,
                                              LogitRow<T> below, std::int64_t width, std::int64_t channels,
                                              float* row) {
  for (std::int64_t x = 0; x < width; ++x, row += padded(channels)) {
    const T* a = above.data + x * above.stride;
    const T* b = below.data + x * below.stride;
    for (std::int64_t c = 0; c < channels; ++c) {
      row[c] = tap.first_weight * static_cast<float>(a[c]) + tap.second_weight * static_cast<float>(b[c]);
    }
    for (std::int64_t c = channels; c < padded(channels); ++c) row[c] = kPadding;
  }
}

// Mixes two pixels of a padded row into `pixel`; returns the largest value. NaN is passed over.
[[gnu::always_inline]] inline float blend_pixels(const numeric::InterpolationWeights& tap, const float* row,
                                                 std::int64_t channels, float* pixel) {
  const float* a = row + tap.first * channels;
  const float* b = row + tap.second * channels;
  float max = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : max)
  for (std::int64_t c = 0; c < channels; ++c) {
    const float v = tap.first_weight * a[c] + tap.second_weight * b[c];
    pixel[c] = v;
    max = v > max ? v : max;
  }
  return max;
}

}  // namespace graphrun::ops::resize_cross_entropy
