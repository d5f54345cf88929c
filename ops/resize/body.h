#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"
#include "runtime/numeric/interpolation_weights.h"

// Bodies of resize and its gradient, in gather form. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::resize {

struct Extents {
  int64_t in_h, in_w, out_h, out_w;
};

template <int kBlock, class T>
struct Resize {
  Extents extents;
  const numeric::InterpolationWeights* rows;     // out_h
  const numeric::InterpolationWeights* columns;  // out_w
  int64_t channels, blocks;                      // blocks of kBlock channels a pixel
  int64_t x_stride, y_stride;
  const T* x;
  T* y;

  // One output pixel's block.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t channel = i % blocks * kBlock;
    const int64_t count = channels - channel < kBlock ? channels - channel : kBlock;
    const numeric::InterpolationWeights column = columns[pixel % extents.out_w];
    const numeric::InterpolationWeights row = rows[pixel / extents.out_w % extents.out_h];
    const int64_t image = pixel / (extents.out_w * extents.out_h);
    const T* above = x + (image * extents.in_h + row.first) * extents.in_w * x_stride + channel;
    const T* below = x + (image * extents.in_h + row.second) * extents.in_w * x_stride + channel;
    const int64_t left = column.first * x_stride;
    const int64_t right = column.second * x_stride;
    T* to = y + pixel * y_stride + channel;
    for (int64_t c = 0; c < count; ++c) {
      const float at_left = row.first_weight * above[left + c] + row.second_weight * below[left + c];
      const float at_right = row.first_weight * above[right + c] + row.second_weight * below[right + c];
      to[c] = static_cast<T>(column.first_weight * at_left + column.second_weight * at_right);
    }
  }
};

template <int kBlock, class T>
struct ResizeGrad {
  Extents extents;
  const numeric::InterpolationWeights* rows;
  const numeric::InterpolationWeights* columns;
  const int32_t* row_readers;  // in_h + 1: the outputs whose first tap is i are readers[i] to readers[i + 1]
  const int32_t* column_readers;  // in_w + 1
  int64_t channels, blocks;
  int64_t gy_stride, gx_stride;
  const T* gy;
  T* gx;

  // One input pixel's block: sums over the outputs that read the pixel, each row on its own first.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t channel = i % blocks * kBlock;
    const int64_t count = channels - channel < kBlock ? channels - channel : kBlock;
    const int64_t ix = pixel % extents.in_w;
    const int64_t iy = pixel / extents.in_w % extents.in_h;
    const int64_t image = pixel / (extents.in_w * extents.in_h);
    const int64_t before_x = ix > 0 ? ix - 1 : 0;
    const int64_t before_y = iy > 0 ? iy - 1 : 0;
    float sum[kBlock];
    float line[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t oy = row_readers[before_y]; oy < row_readers[iy + 1]; ++oy) {
      const float row_weight = rows[oy].weight_of(iy);
      for (int64_t c = 0; c < count; ++c) line[c] = 0;
      for (int64_t ox = column_readers[before_x]; ox < column_readers[ix + 1]; ++ox) {
        const float weight = columns[ox].weight_of(ix);
        const T* from = gy + ((image * extents.out_h + oy) * extents.out_w + ox) * gy_stride + channel;
        for (int64_t c = 0; c < count; ++c) line[c] += weight * from[c];
      }
      for (int64_t c = 0; c < count; ++c) sum[c] += row_weight * line[c];
    }
    T* to = gx + pixel * gx_stride + channel;
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<T>(sum[c]);
  }
};

}  // namespace graphrun::ops::resize
