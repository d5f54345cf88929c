#pragma once

#include <cstring>

#include "ops/resize_cross_entropy/cpu_rows.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

// The gradient, by small logits, of any loss that is a function of each pixel's logits at label size.
namespace graphrun::ops::resize_cross_entropy {

// `gradient(pixel, max, label)` turns the logits of a counted pixel, padded, of which `max` is the largest,
// into the loss's gradient by them; padding into 0. Adds what the row's pixels give to the row of
// low-resolution pixels that they were mixed from.
template <class T, class PixelGradient>
[[gnu::flatten]] GRAPHRUN_SIMD void grad_row(const Row<T>& row, const PixelGradient& gradient, float* blended,
                                             float* pixel, float* line) {
  const std::int64_t channels = padded(row.channels);
  row.blend(blended);
  std::memset(line, 0, static_cast<std::size_t>(row.low_width * channels) * 4);
  for (std::int64_t x = 0; x < row.width; ++x) {
    const std::int32_t label = row.label[x];
    if (label == row.ignore) continue;
    const float max = row.blend_pixel(blended, x, pixel);
    gradient(pixel, max, label);
    const numeric::InterpolationWeights tap = row.columns[x];
    float* left = line + tap.first * channels;
    float* right = line + tap.second * channels;
    if (tap.second == tap.first) {
      for (std::int64_t c = 0; c < channels; ++c) left[c] += tap.first_weight * pixel[c];
    } else {
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) {
        left[c] += tap.first_weight * pixel[c];
        right[c] += tap.second_weight * pixel[c];
      }
    }
  }
}

template <class T>
GRAPHRUN_SIMD void add_scaled(float weight, const float* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; ++i)
    to[i] = static_cast<T>(static_cast<float>(to[i]) + weight * from[i]);
}

template <class T>
GRAPHRUN_SIMD void store(const float* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
}

// A task is the interval of label rows between two rows of logits. It sums their share for the row above into
// the result and for the row below into a buffer, which a second loop adds: no row has two writers, and sums
// do not depend on the threads.
class RowGradients {
 public:
  // The gradient is that of logits (N, C, h, w); its buffers are taken from the geometry's scratch.
  RowGradients(Geometry& geometry, const TensorDesc& logits) : geometry_(geometry) {
    const std::int64_t row_bytes = geometry.row_floats * 4;
    below_ = geometry.scratch.add(logits.n() * logits.h() * row_bytes);
    above_ = geometry.scratch.add(geometry.threads * row_bytes);
    line_ = geometry.scratch.add(geometry.threads * row_bytes);
  }

  template <class T, class PixelGradient>
  void run(const cross_entropy::Labels& labels, const TensorView& logits, const TensorView& to, void* scratch,
           const PixelGradient& gradient) const {
    const std::int64_t count = to.desc.n() * to.desc.h();
    cpu::parallel_for(geometry_.threads, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t source = begin; source < end; ++source)
        sum_interval<T>(labels, logits, to, scratch, source, gradient);
    });
    cpu::parallel_for(geometry_.threads, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t source = begin; source < end; ++source) {
        if (source % to.desc.h() == 0) continue;
        const float* from = below(scratch, source - 1);
        for (std::int64_t x = 0; x < to.desc.w(); ++x)
          add_scaled(1.0f, from + x * geometry_.pixel_floats, to.desc.c(), pixel_of<T>(to, source, x));
      }
    });
  }

 private:
  template <class T>
  static T* pixel_of(const TensorView& to, std::int64_t row, std::int64_t x) {
    return to.as<T>() + (row * to.desc.w() + x) * to.desc.pixel_stride;
  }
  float* below(void* memory, std::int64_t source) const {
    return scratch_at<float>(memory, below_) + source * geometry_.row_floats;
  }
  float* of_thread(void* memory, std::int64_t offset) const {
    return scratch_at<float>(memory, offset) + omp_get_thread_num() * geometry_.row_floats;
  }

  template <class T, class PixelGradient>
  void sum_interval(const cross_entropy::Labels& labels, const TensorView& logits, const TensorView& to,
                    void* scratch, std::int64_t source, const PixelGradient& gradient) const {
    float* above = of_thread(scratch, above_);
    float* line = of_thread(scratch, line_);
    float* under = below(scratch, source);
    const std::int64_t count = geometry_.row_floats;
    std::memset(above, 0, static_cast<std::size_t>(count) * 4);
    std::memset(under, 0, static_cast<std::size_t>(count) * 4);
    const auto at = static_cast<std::size_t>(source % to.desc.h());
    for (std::int32_t y = geometry_.rows.readers[at]; y < geometry_.rows.readers[at + 1]; ++y) {
      const Row<T> row = geometry_.row<T>(labels, logits, source / to.desc.h() * labels.h + y);
      if (!row.any_valid()) continue;
      grad_row(row, gradient, geometry_.blended(scratch), geometry_.pixel(scratch), line);
      add_scaled(row.tap.first_weight, line, count, above);
      if (row.tap.second != row.tap.first) add_scaled(row.tap.second_weight, line, count, under);
    }
    for (std::int64_t x = 0; x < to.desc.w(); ++x)
      store(above + x * geometry_.pixel_floats, to.desc.c(), pixel_of<T>(to, source, x));
  }

  const Geometry& geometry_;
  std::int64_t below_ = 0, above_ = 0, line_ = 0;
};

}  // namespace graphrun::ops::resize_cross_entropy
