#pragma once

#include "ops/pool/window.h"

// Bodies of avg_pool and its gradient, in gather form. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::pool {

// How many pixels a window's sum is divided by.
struct Divisor {
  bool count_padding;

  GRAPHRUN_DEVICE static int64_t inside(int64_t first, int64_t kernel, int64_t extent) {
    const int64_t begin = first < 0 ? 0 : first;
    const int64_t end = first + kernel < extent ? first + kernel : extent;
    return end - begin;
  }
  // The divisor of output pixel (y, x).
  GRAPHRUN_DEVICE float of(const Window& w, int64_t y, int64_t x) const {
    if (count_padding) return static_cast<float>(w.kernel_h * w.kernel_w);
    return static_cast<float>(inside(y * w.stride_h - w.padding_h, w.kernel_h, w.in_h) *
                              inside(x * w.stride_w - w.padding_w, w.kernel_w, w.in_w));
  }
};

template <int kBlock, class T>
struct AvgPool {
  Window window;
  int64_t channels, blocks;  // blocks of kBlock channels a pixel
  int64_t x_stride, y_stride;
  Divisor divisor;
  const T* x;
  T* y;

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

 private:
  GRAPHRUN_DEVICE void pool(int64_t pixel, int64_t channel, int64_t count) const {
    const int64_t out_x = pixel % window.out_w;
    const int64_t out_y = pixel / window.out_w % window.out_h;
    const int64_t image = pixel / (window.out_w * window.out_h);
    const int64_t top = out_y * window.stride_h - window.padding_h;
    const int64_t left = out_x * window.stride_w - window.padding_w;
    float sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t ky = 0; ky < window.kernel_h; ++ky) {
      if (top + ky < 0 || top + ky >= window.in_h) continue;
      const T* line = x + (image * window.in_h + top + ky) * window.in_w * x_stride + channel;
      for (int64_t kx = 0; kx < window.kernel_w; ++kx) {
        if (left + kx < 0 || left + kx >= window.in_w) continue;
        const T* from = line + (left + kx) * x_stride;
        for (int64_t c = 0; c < count; ++c) sum[c] += from[c];
      }
    }
    const float scale = 1.0f / divisor.of(window, out_y, out_x);
    T* to = y + pixel * y_stride + channel;
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<T>(sum[c] * scale);
  }
};

template <int kBlock, class T>
struct AvgPoolGrad {
  Window window;
  int64_t channels, blocks;
  int64_t gx_stride, gy_stride;
  Divisor divisor;
  const T* gy;
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

 private:
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
        const float scale = 1.0f / divisor.of(window, oy, ox);
        const T* from = gy + ((image * window.out_h + oy) * window.out_w + ox) * gy_stride + channel;
        for (int64_t c = 0; c < count; ++c) sum[c] += scale * from[c];
      }
    }
    T* to = gx + pixel * gx_stride + channel;
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<T>(sum[c]);
  }
};

// All of a body but its pointers: x is the map that windows move over, y that of their averages.
template <class Body>
Body average_form(const Attributes& attrs, const TensorDesc& x, const TensorDesc& y, int64_t blocks) {
  Body body{};
  body.window = window_of(attrs, x, y);
  body.channels = x.c();
  body.blocks = blocks;
  body.divisor = {attrs.flag("count_padding")};
  return body;
}

}  // namespace graphrun::ops::pool
