#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Bodies of strip_pool and its gradient, in gather form. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::strip_pool {

// The strips of a tensor, in pixels: strip s takes `length` pixels `step` apart, from `first(s)`.
struct Strips {
  int64_t h, w;
  bool along_row;
  GRAPHRUN_DEVICE int64_t length() const { return along_row ? w : h; }
  GRAPHRUN_DEVICE int64_t step() const { return along_row ? 1 : w; }
  GRAPHRUN_DEVICE int64_t first(int64_t strip) const {
    return along_row ? strip * w : strip / w * h * w + strip % w;
  }
  // The strip that holds a pixel.
  GRAPHRUN_DEVICE int64_t of(int64_t pixel) const {
    return along_row ? pixel / w : pixel / (h * w) * w + pixel % w;
  }
};

// Reads T, adds Sum and writes To.
template <int kBlock, class T, class To = T, class Sum = double>
struct StripPool {
  Strips strips;
  int64_t channels, blocks;  // blocks of kBlock channels a pixel
  int64_t x_stride, y_stride;
  const T* x;
  To* y;

  // One strip's block.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t strip = i / blocks;
    const int64_t channel = i % blocks * kBlock;
    const int64_t count = channels - channel < kBlock ? channels - channel : kBlock;
    Sum sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    const T* from = x + strips.first(strip) * x_stride + channel;
    for (int64_t k = 0; k < strips.length(); ++k, from += strips.step() * x_stride) {
      for (int64_t c = 0; c < count; ++c) sum[c] += static_cast<Sum>(from[c]);
    }
    const double scale = 1.0 / static_cast<double>(strips.length());
    To* to = y + strip * y_stride + channel;
    for (int64_t c = 0; c < count; ++c)
      to[c] = static_cast<To>(static_cast<float>(static_cast<double>(sum[c]) * scale));
  }
};

template <int kBlock, class T>
struct StripPoolGrad {
  Strips strips;
  int64_t channels, blocks;
  int64_t gy_stride, gx_stride;
  const T* gy;
  T* gx;

  // One input pixel's block.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t channel = i % blocks * kBlock;
    const int64_t count = channels - channel < kBlock ? channels - channel : kBlock;
    const float scale = 1.0f / static_cast<float>(strips.length());
    const T* from = gy + strips.of(pixel) * gy_stride + channel;
    T* to = gx + pixel * gx_stride + channel;
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<T>(from[c] * scale);
  }
};

}  // namespace graphrun::ops::strip_pool
