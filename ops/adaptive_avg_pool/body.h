#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"
#include "ops/common/bins.h"

// Bodies of adaptive_avg_pool and its gradient, in gather form. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::adaptive_avg_pool {

// Reads T and writes To. Precondition: a Sum holds those of a bin.
template <int kBlock, class T, class To = T, class Sum = double>
struct AdaptiveAvgPool {
  Bins rows, columns;
  int64_t channels, blocks;  // blocks of kBlock channels a pixel
  int64_t x_stride, y_stride;
  const T* x;
  To* y;

  // One bin's block.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t channel = i % blocks * kBlock;
    const int64_t count = channels - channel < kBlock ? channels - channel : kBlock;
    const int64_t column = pixel % columns.count;
    const int64_t row = pixel / columns.count % rows.count;
    const int64_t image = pixel / (columns.count * rows.count);
    Sum sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t iy = rows.begin(row); iy < rows.end(row); ++iy) {
      for (int64_t ix = columns.begin(column); ix < columns.end(column); ++ix) {
        const T* from = x + ((image * rows.in + iy) * columns.in + ix) * x_stride + channel;
        for (int64_t c = 0; c < count; ++c) sum[c] += static_cast<Sum>(from[c]);
      }
    }
    const int64_t size = rows.size(row) * columns.size(column);
    const double scale = 1.0 / static_cast<double>(size);
    To* to = y + pixel * y_stride + channel;
    for (int64_t c = 0; c < count; ++c)
      to[c] = static_cast<To>(static_cast<float>(static_cast<double>(sum[c]) * scale));
  }
};

template <int kBlock, class T>
struct AdaptiveAvgPoolGrad {
  Bins rows, columns;
  int64_t channels, blocks;
  int64_t gy_stride, gx_stride;
  const T* gy;
  T* gx;

  // One input pixel's block: sums over the bins that hold the pixel.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t channel = i % blocks * kBlock;
    const int64_t count = channels - channel < kBlock ? channels - channel : kBlock;
    const int64_t ix = pixel % columns.in;
    const int64_t iy = pixel / columns.in % rows.in;
    const int64_t image = pixel / (columns.in * rows.in);
    float sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t row = rows.first(iy); row <= rows.last(iy); ++row) {
      for (int64_t column = columns.first(ix); column <= columns.last(ix); ++column) {
        const int64_t size = rows.size(row) * columns.size(column);
        const float scale = 1.0f / static_cast<float>(size);
        const T* from = gy + ((image * rows.count + row) * columns.count + column) * gy_stride + channel;
        for (int64_t c = 0; c < count; ++c) sum[c] += from[c] * scale;
      }
    }
    T* to = gx + pixel * gx_stride + channel;
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<T>(sum[c]);
  }
};

}  // namespace graphrun::ops::adaptive_avg_pool
