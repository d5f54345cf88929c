#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Bodies of max_pool and its gradient, in gather form. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::pool {

struct Window {
  int64_t in_h, in_w, out_h, out_w;
  int64_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w;
};

// The first window of `stride` whose end reaches position `at` of the padded axis.
GRAPHRUN_DEVICE inline int64_t first_window(int64_t at, int64_t kernel, int64_t stride) {
  return at < kernel ? 0 : (at - kernel) / stride + 1;
}

// The best value of a window so far and its place, against one more: the first of equal values stays, and so
// does the first NaN.
GRAPHRUN_DEVICE inline void challenge(float value, int32_t place, float& best, int32_t& winner) {
  const bool wins = !(value <= best) && best == best;
  winner = wins ? place : winner;
  best = wins ? value : best;
}

template <int kBlock, class T>
struct MaxPool {
  Window window;
  int64_t channels, blocks;  // blocks of kBlock channels a pixel
  int64_t x_stride, y_stride, index_stride;
  const T* x;
  T* y;
  uint8_t* index;  // null: not wanted

  // One output pixel's block.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t channel = i % blocks * kBlock;
    const int64_t left = channels - channel;
    if (left >= kBlock) {
      pool(pixel, channel, kBlock);
    } else {
      pool(pixel, channel, left);
    }
  }

  GRAPHRUN_DEVICE void pool(int64_t pixel, int64_t channel, int64_t count) const {
    const int64_t out_x = pixel % window.out_w;
    const int64_t out_y = pixel / window.out_w % window.out_h;
    const int64_t image = pixel / (window.out_w * window.out_h);
    const int64_t top = out_y * window.stride_h - window.padding_h;
    const int64_t left = out_x * window.stride_w - window.padding_w;
    float best[kBlock];
    int32_t winner[kBlock];
    bool first = true;
    for (int64_t ky = 0; ky < window.kernel_h; ++ky) {
      if (top + ky < 0 || top + ky >= window.in_h) continue;
      for (int64_t kx = 0; kx < window.kernel_w; ++kx) {
        if (left + kx < 0 || left + kx >= window.in_w) continue;
        const auto place = static_cast<int32_t>(ky * window.kernel_w + kx);
        const T* from = x + ((image * window.in_h + top + ky) * window.in_w + left + kx) * x_stride + channel;
        if (first) {
          for (int64_t c = 0; c < count; ++c) best[c] = from[c];
          for (int64_t c = 0; c < count; ++c) winner[c] = place;
          first = false;
        } else {
          for (int64_t c = 0; c < count; ++c) challenge(from[c], place, best[c], winner[c]);
        }
      }
    }
    T* to = y + pixel * y_stride + channel;
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<T>(best[c]);
    if (index == nullptr) return;
    uint8_t* places = index + pixel * index_stride + channel;
    for (int64_t c = 0; c < count; ++c) places[c] = static_cast<uint8_t>(winner[c]);
  }
};

template <int kBlock, class T>
struct MaxPoolGrad {
  Window window;
  int64_t channels, blocks;
  int64_t gx_stride, gy_stride, index_stride;
  const T* gy;
  const uint8_t* index;
  T* gx;

  // One input pixel's block: sums over the windows that contain the pixel.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t channel = i % blocks * kBlock;
    const int64_t left = channels - channel;
    if (left >= kBlock) {
      gather(pixel, channel, kBlock);
    } else {
      gather(pixel, channel, left);
    }
  }

  GRAPHRUN_DEVICE void gather(int64_t pixel, int64_t channel, int64_t count) const {
    const int64_t at_x = pixel % window.in_w + window.padding_w;
    const int64_t at_y = pixel / window.in_w % window.in_h + window.padding_h;
    const int64_t image = pixel / (window.in_w * window.in_h);
    float sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t oy = first_window(at_y, window.kernel_h, window.stride_h);
         oy < window.out_h && oy * window.stride_h <= at_y; ++oy) {
      for (int64_t ox = first_window(at_x, window.kernel_w, window.stride_w);
           ox < window.out_w && ox * window.stride_w <= at_x; ++ox) {
        const int64_t place = (at_y - oy * window.stride_h) * window.kernel_w + at_x - ox * window.stride_w;
        const int64_t out = (image * window.out_h + oy) * window.out_w + ox;
        const T* from = gy + out * gy_stride + channel;
        const uint8_t* places = index + out * index_stride + channel;
        for (int64_t c = 0; c < count; ++c) sum[c] += places[c] == place ? from[c] : 0.0f;
      }
    }
    T* to = gx + pixel * gx_stride + channel;
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<T>(sum[c]);
  }
};

}  // namespace graphrun::ops::pool
