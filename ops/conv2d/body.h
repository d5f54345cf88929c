#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Bodies of conv2d and its gradients, in gather form: correct for every stride, dilation and padding.
// Compiled for the CPU and for the GPU: no std. Weights are dense (O, C / groups, KH, KW); sums are in f64.
namespace graphrun::ops::conv2d {

// x is (n, c, h, w), y is (n, o, oh, ow); y's pixel (i, j) reads x at i * sh - ph + k * dh, j * sw - pw + l *
// dw.
struct Geometry {
  int64_t n, c, h, w;
  int64_t o, oh, ow;
  int64_t kh, kw;
  int64_t sh, sw;
  int64_t ph, pw;
  int64_t dh, dw;
  int64_t groups = 1;  // divides c and o; each group of outputs reads its own group of channels
  GRAPHRUN_DEVICE int64_t kernel_positions() const { return kh * kw; }
  GRAPHRUN_DEVICE int64_t group_channels() const { return c / groups; }
  GRAPHRUN_DEVICE int64_t group_outputs() const { return o / groups; }
  // Every output reads the channel of its own number alone.
  GRAPHRUN_DEVICE bool depthwise() const { return groups == c && groups == o; }
};

// An index is an output pixel's block of kBlock channels.
template <int kBlock>
struct Forward {
  Geometry g;
  int64_t blocks;
  int64_t x_stride, y_stride;
  const float* x;
  const float* weight;
  const float* bias;  // null: none
  float* y;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t first = i % blocks * kBlock;
    const int64_t count = g.o - first < kBlock ? g.o - first : kBlock;
    const int64_t image = pixel / (g.oh * g.ow);
    const int64_t row = pixel / g.ow % g.oh * g.sh - g.ph;
    const int64_t column = pixel % g.ow * g.sw - g.pw;
    double sum[kBlock];
    for (int64_t o = 0; o < count; ++o) sum[o] = bias != nullptr ? static_cast<double>(bias[first + o]) : 0;
    for (int64_t k = 0; k < g.kernel_positions(); ++k) {
      const int64_t ih = row + k / g.kw * g.dh;
      const int64_t iw = column + k % g.kw * g.dw;
      if (ih < 0 || ih >= g.h || iw < 0 || iw >= g.w) continue;
      const float* from = x + ((image * g.h + ih) * g.w + iw) * x_stride;
      for (int64_t c = 0; c < g.group_channels(); ++c) {
        const float* taps = weight + (first * g.group_channels() + c) * g.kernel_positions() + k;
        int64_t group = first / g.group_outputs();
        int64_t next = (group + 1) * g.group_outputs() - first;  // first output of the next group
        for (int64_t o = 0; o < count; ++o) {
          if (o == next) ++group, next += g.group_outputs();
          sum[o] += static_cast<double>(from[group * g.group_channels() + c]) *
                    static_cast<double>(taps[o * g.group_channels() * g.kernel_positions()]);
        }
      }
    }
    float* to = y + pixel * y_stride + first;
    for (int64_t o = 0; o < count; ++o) to[o] = static_cast<float>(sum[o]);
  }
};

// An index is an input pixel's block of kBlock channels.
template <int kBlock>
struct GradData {
  Geometry g;
  int64_t blocks;
  int64_t gy_stride, gx_stride;
  const float* gy;
  const float* weight;
  float* gx;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t pixel = i / blocks;
    const int64_t first = i % blocks * kBlock;
    const int64_t count = g.c - first < kBlock ? g.c - first : kBlock;
    const int64_t image = pixel / (g.h * g.w);
    const int64_t row = pixel / g.w % g.h + g.ph;
    const int64_t column = pixel % g.w + g.pw;
    double sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t k = 0; k < g.kernel_positions(); ++k) {
      const int64_t down = row - k / g.kw * g.dh;
      const int64_t right = column - k % g.kw * g.dw;
      if (down < 0 || right < 0 || down % g.sh != 0 || right % g.sw != 0) continue;
      if (down / g.sh >= g.oh || right / g.sw >= g.ow) continue;
      const float* from = gy + ((image * g.oh + down / g.sh) * g.ow + right / g.sw) * gy_stride;
      for (int64_t o = 0; o < g.group_outputs(); ++o) {
        for (int64_t c = 0; c < count; ++c) {
          const int64_t group = (first + c) / g.group_channels();
          const int64_t output = group * g.group_outputs() + o;
          const int64_t channel = first + c - group * g.group_channels();
          sum[c] +=
              static_cast<double>(from[output]) *
              static_cast<double>(weight[(output * g.group_channels() + channel) * g.kernel_positions() + k]);
        }
      }
    }
    float* to = gx + pixel * gx_stride + first;
    for (int64_t c = 0; c < count; ++c) to[c] = static_cast<float>(sum[c]);
  }
};

// An index is one tap of an output channel with a block of kBlock channels of its group: (o, tap, block).
template <int kBlock>
struct GradWeight {
  Geometry g;
  int64_t blocks;
  int64_t gy_stride, x_stride;
  const float* gy;
  const float* x;
  float* gweight;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t o = i / (blocks * g.kernel_positions());
    const int64_t k = i / blocks % g.kernel_positions();
    const int64_t first = i % blocks * kBlock;
    const int64_t channels = g.group_channels();
    const int64_t count = channels - first < kBlock ? channels - first : kBlock;
    const int64_t group = o / g.group_outputs();
    double sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t pixel = 0; pixel < g.n * g.oh * g.ow; ++pixel) {
      const int64_t ih = pixel / g.ow % g.oh * g.sh - g.ph + k / g.kw * g.dh;
      const int64_t iw = pixel % g.ow * g.sw - g.pw + k % g.kw * g.dw;
      if (ih < 0 || ih >= g.h || iw < 0 || iw >= g.w) continue;
      const float* from =
          x + ((pixel / (g.oh * g.ow) * g.h + ih) * g.w + iw) * x_stride + group * channels + first;
      const double value = static_cast<double>(gy[pixel * gy_stride + o]);
      for (int64_t c = 0; c < count; ++c) sum[c] += value * static_cast<double>(from[c]);
    }
    float* to = gweight + (o * channels + first) * g.kernel_positions() + k;
    for (int64_t c = 0; c < count; ++c) to[c * g.kernel_positions()] = static_cast<float>(sum[c]);
  }
};

// An index is a block of kBlock channels of one piece of pixels: partial sums (pieces, o), to be added in the
// order of the pieces.
template <int kBlock, class T>
struct SumPixels {
  int64_t pixels, piece, channels, blocks;
  int64_t stride;
  const T* gy;
  double* partial;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t begin = i / blocks * piece;
    const int64_t end = begin + piece < pixels ? begin + piece : pixels;
    const int64_t first = i % blocks * kBlock;
    const int64_t count = channels - first < kBlock ? channels - first : kBlock;
    double sum[kBlock];
    for (int64_t c = 0; c < count; ++c) sum[c] = 0;
    for (int64_t pixel = begin; pixel < end; ++pixel) {
      const T* from = gy + pixel * stride + first;
      for (int64_t c = 0; c < count; ++c) sum[c] += static_cast<double>(static_cast<float>(from[c]));
    }
    double* to = partial + i / blocks * channels + first;
    for (int64_t c = 0; c < count; ++c) to[c] = sum[c];
  }
};

}  // namespace graphrun::ops::conv2d
