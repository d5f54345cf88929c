#pragma once

#include <math.h>
#include <stdint.h>

#include "graphrun/device_function.h"

// Bodies of layer_norm and its gradient. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::layer_norm {

// The sum over all channels of f(channel), by lanes of f32 that are added in f64.
template <class F>
GRAPHRUN_DEVICE double sum_channels(int64_t channels, const F& f) {
  constexpr int64_t kLanes = 16;
  float part[kLanes] = {};
  const int64_t whole = channels / kLanes * kLanes;
  for (int64_t first = 0; first < whole; first += kLanes) {
    for (int64_t c = 0; c < kLanes; ++c) part[c] += f(first + c);
  }
  for (int64_t c = whole; c < channels; ++c) part[c - whole] += f(c);
  double sum = 0;
  for (int64_t c = 0; c < kLanes; ++c) sum += static_cast<double>(part[c]);
  return sum;
}

// Mean and inverse deviation of a pixel's channels.
struct Moments {
  float mean, inv_std;

  template <class T>
  GRAPHRUN_DEVICE static Moments of(const T* x, int64_t channels, float eps) {
    const double count = static_cast<double>(channels);
    const float mean = static_cast<float>(
        sum_channels(channels, [x](int64_t c) { return static_cast<float>(x[c]); }) / count);
    const double squares = sum_channels(channels, [x, mean](int64_t c) {
      const float apart = static_cast<float>(x[c]) - mean;
      return apart * apart;
    });
    return {mean, static_cast<float>(1.0 / sqrt(squares / count + static_cast<double>(eps)))};
  }
};

// An index is a pixel.
template <class T>
struct LayerNorm {
  int64_t channels;
  float eps;
  int64_t x_stride, y_stride;
  const T* x;
  const float* weight;
  const float* bias;
  T* y;

  GRAPHRUN_DEVICE void operator()(int64_t pixel) const {
    const T* from = x + pixel * x_stride;
    const Moments moments = Moments::of(from, channels, eps);
    T* to = y + pixel * y_stride;
    for (int64_t c = 0; c < channels; ++c) {
      const float normal = (static_cast<float>(from[c]) - moments.mean) * moments.inv_std;
      to[c] = static_cast<T>(normal * weight[c] + bias[c]);
    }
  }
};

// An index is a pixel; its moments are kept for SumPixels.
template <class T>
struct LayerNormGrad {
  int64_t channels;
  float eps;
  int64_t gy_stride, x_stride, gx_stride;
  const T* gy;
  const T* x;
  const float* weight;
  T* gx;
  Moments* moments;

  GRAPHRUN_DEVICE void operator()(int64_t pixel) const {
    const T* g = gy + pixel * gy_stride;
    const T* from = x + pixel * x_stride;
    const Moments m = Moments::of(from, channels, eps);
    moments[pixel] = m;
    const float* w = weight;
    const auto scaled = [g, w](int64_t c) { return static_cast<float>(g[c]) * w[c]; };
    const auto normal = [from, m](int64_t c) { return (static_cast<float>(from[c]) - m.mean) * m.inv_std; };
    const double count = static_cast<double>(channels);
    const float mean = static_cast<float>(sum_channels(channels, scaled) / count);
    const float along = static_cast<float>(
        sum_channels(channels, [scaled, normal](int64_t c) { return scaled(c) * normal(c); }) / count);
    T* to = gx + pixel * gx_stride;
    for (int64_t c = 0; c < channels; ++c)
      to[c] = static_cast<T>(m.inv_std * (scaled(c) - mean - normal(c) * along));
  }
};

// An index is a block of kBlock channels of one piece of pixels: partial sums (pieces, 2, C) of the gradients
// of weight and bias.
template <int kBlock, class T>
struct SumPixels {
  int64_t channels, blocks, pixels, piece;
  int64_t gy_stride, x_stride;
  const T* gy;
  const T* x;
  const Moments* moments;
  double* sums;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t first = i % blocks * kBlock;
    const int64_t count = channels - first < kBlock ? channels - first : kBlock;
    const int64_t begin = i / blocks * piece;
    const int64_t end = begin + piece < pixels ? begin + piece : pixels;
    double of_weight[kBlock], of_bias[kBlock];
    for (int64_t c = 0; c < count; ++c) of_weight[c] = of_bias[c] = 0;
    for (int64_t pixel = begin; pixel < end; ++pixel) {
      const Moments m = moments[pixel];
      const T* g = gy + pixel * gy_stride + first;
      const T* from = x + pixel * x_stride + first;
      for (int64_t c = 0; c < count; ++c) {
        const float value = static_cast<float>(g[c]);
        of_weight[c] += static_cast<double>(value * ((static_cast<float>(from[c]) - m.mean) * m.inv_std));
        of_bias[c] += static_cast<double>(value);
      }
    }
    double* to = sums + i / blocks * 2 * channels + first;
    for (int64_t c = 0; c < count; ++c) to[c] = of_weight[c], to[channels + c] = of_bias[c];
  }
};

}  // namespace graphrun::ops::layer_norm
