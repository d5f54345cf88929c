#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"
#include "ops/common/add_pieces.h"

// Bodies of layer_scale and of its weight's gradient. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::layer_scale {

// An index is a block of kBlock channels of a pixel.
template <int kBlock, class T>
struct Scale {
  int64_t channels, blocks;
  int64_t x_stride, y_stride;
  const T* x;
  const float* weight;
  T* y;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks, first = i % blocks * kBlock;
    const int64_t end = channels - first < kBlock ? channels : first + kBlock;
    const T* from = x + pixel * x_stride;
    T* to = y + pixel * y_stride;
    for (int64_t c = first; c < end; ++c) to[c] = static_cast<T>(static_cast<float>(from[c]) * weight[c]);
  }
};

// An index is a block of kBlock channels of one piece of pixels: partial sums (pieces, C).
template <int kBlock, class T>
struct SumPixels {
  int64_t channels, blocks, pixels, piece;
  int64_t gy_stride, x_stride;
  const T* gy;
  const T* x;
  double* sums;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t first = i % blocks * kBlock;
    const int64_t count = channels - first < kBlock ? channels - first : kBlock;
    const int64_t begin = i / blocks * piece;
    const int64_t end = begin + piece < pixels ? begin + piece : pixels;
    double sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t pixel = begin; pixel < end; ++pixel) {
      const T* g = gy + pixel * gy_stride + first;
      const T* from = x + pixel * x_stride + first;
      for (int64_t c = 0; c < count; ++c)
        sum[c] += static_cast<double>(static_cast<float>(g[c]) * static_cast<float>(from[c]));
    }
    double* to = sums + i / blocks * channels + first;
    for (int64_t c = 0; c < count; ++c) to[c] = sum[c];
  }
};

// An index is a channel.
struct AddWeightPieces {
  int64_t channels, pieces;
  const double* sums;
  float* gweight;

  GRAPHRUN_DEVICE void operator()(int64_t c) const {
    gweight[c] = static_cast<float>(sum_pieces(sums, pieces, channels, c));
  }
};

}  // namespace graphrun::ops::layer_scale
