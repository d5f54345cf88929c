#pragma once

#include <omp.h>

#include <cstdint>
#include <limits>

#include "ops/common/interpolation.h"
#include "ops/common/scratch.h"
#include "ops/cross_entropy/cpu_scores.h"
#include "runtime/numeric/sampling.h"

// Logits that exist at label size one pixel at a time only: a row of labels is mixed from two rows of small
// logits into a buffer, and pixels from that.
namespace graphrun::ops::resize_cross_entropy {

// Channels are padded to whole vectors, so that loops over them have no remainder.
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

// One row of labels and the two rows of logits that it is mixed from.
template <class T>
struct Row {
  const std::int32_t* label;
  const std::int32_t* counted;
  std::int64_t width;
  std::int32_t ignore;
  numeric::InterpolationWeights tap;
  LogitRow<T> above, below;
  std::int64_t low_width, channels;
  const numeric::InterpolationWeights* columns;

  bool any_valid() const {
    int valid = 0;
    for (std::int64_t x = 0; x < width; ++x) valid |= label[x] != ignore ? 1 : 0;
    return valid != 0;
  }
  // Into a buffer of a row.
  [[gnu::always_inline]] void blend(float* blended) const {
    blend_rows(tap, above, below, low_width, channels, blended);
  }
  // Pixel x of a blended row into a buffer of a pixel; returns its largest logit.
  [[gnu::always_inline]] float blend_pixel(const float* blended, std::int64_t x, float* pixel) const {
    return blend_pixels(columns[x], blended, padded(channels), pixel);
  }
};

// What kernels on such rows prepare: tables, and buffers of each thread for a blended row and a pixel. Logits
// that already have the label's size are mixed from themselves alone, by every rule.
class Geometry {
 public:
  Geometry(int threads_, numeric::Interpolation rule, const TensorDesc& logits, const TensorDesc& label)
      : threads(threads_),
        rows(numeric::sampling(rule, logits.h(), label.shape[1])),
        columns(numeric::sampling(rule, logits.w(), label.shape[2])),
        row_floats(logits.w() * padded(logits.c())),
        pixel_floats(padded(logits.c())) {
    blended_ = scratch.add(threads * row_floats * 4);
    pixel_ = scratch.add(threads * pixel_floats * 4);
  }

  template <class T>
  Row<T> row(const cross_entropy::Labels& labels, const TensorView& logits, std::int64_t i) const {
    const TensorDesc& desc = logits.desc;
    const numeric::InterpolationWeights& tap = rows.taps[static_cast<std::size_t>(i % labels.h)];
    const auto source = [&](std::int32_t y) {
      const std::int64_t pixel = (i / labels.h * desc.h() + y) * desc.w();
      return LogitRow<T>{logits.as<const T>() + pixel * desc.pixel_stride, desc.pixel_stride};
    };
    return {labels.row(i),     labels.counted_row(i), labels.w, labels.ignore, tap,
            source(tap.first), source(tap.second),    desc.w(), desc.c(),      columns.taps.data()};
  }
  float* blended(void* memory) const {
    return scratch_at<float>(memory, blended_) + omp_get_thread_num() * row_floats;
  }
  float* pixel(void* memory) const {
    return scratch_at<float>(memory, pixel_) + omp_get_thread_num() * pixel_floats;
  }

  int threads;
  numeric::Sampling rows, columns;
  std::int64_t row_floats;    // of a padded low-resolution row
  std::int64_t pixel_floats;  // of a padded pixel
  ScratchPlan scratch;

 private:
  std::int64_t blended_ = 0, pixel_ = 0;
};

}  // namespace graphrun::ops::resize_cross_entropy
