#pragma once

#include <math.h>
#include <stdint.h>

#include "graphrun/device_function.h"

// Bodies of group_norm and its gradient: an index is a group of channels of an image, whose pixels it walks.
// Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::group_norm {

// Which pixels and channels an index has.
struct Groups {
  int64_t pixels;  // of an image
  int64_t channels;
  int64_t groups;

  GRAPHRUN_DEVICE int64_t size() const { return channels / groups; }  // channels of a group
  GRAPHRUN_DEVICE int64_t image(int64_t i) const { return i / groups; }
  GRAPHRUN_DEVICE int64_t channel(int64_t i) const { return i % groups * size(); }
};

// Mean and inverse deviation of a group of an image.
struct Moments {
  float mean, inv_std;

  template <class T>
  GRAPHRUN_DEVICE static Moments of(const T* x, int64_t stride, const Groups& groups, float eps) {
    const double count = static_cast<double>(groups.pixels * groups.size());
    double sum = 0;
    for (int64_t pixel = 0; pixel < groups.pixels; ++pixel) {
      float part = 0;
      for (int64_t c = 0; c < groups.size(); ++c) part += static_cast<float>(x[pixel * stride + c]);
      sum += static_cast<double>(part);
    }
    const float mean = static_cast<float>(sum / count);
    double squares = 0;
    for (int64_t pixel = 0; pixel < groups.pixels; ++pixel) {
      float part = 0;
      for (int64_t c = 0; c < groups.size(); ++c) {
        const float apart = static_cast<float>(x[pixel * stride + c]) - mean;
        part += apart * apart;
      }
      squares += static_cast<double>(part);
    }
    return {mean, static_cast<float>(1.0 / sqrt(squares / count + static_cast<double>(eps)))};
  }
};

template <class T>
struct GroupNorm {
  Groups groups;
  float eps;
  int64_t x_stride, y_stride;
  const T* x;
  const float* weight;
  const float* bias;
  T* y;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t first = groups.channel(i);
    const int64_t start = groups.image(i) * groups.pixels;
    const T* from = x + start * x_stride + first;
    const Moments m = Moments::of(from, x_stride, groups, eps);
    T* to = y + start * y_stride + first;
    for (int64_t pixel = 0; pixel < groups.pixels; ++pixel) {
      for (int64_t c = 0; c < groups.size(); ++c) {
        const float normal = (static_cast<float>(from[pixel * x_stride + c]) - m.mean) * m.inv_std;
        to[pixel * y_stride + c] = static_cast<T>(normal * weight[first + c] + bias[first + c]);
      }
    }
  }
};

// Also the sums over an image's pixels of the gradients of weight and bias: (N, 2, C).
template <class T>
struct GroupNormGrad {
  Groups groups;
  float eps;
  int64_t gy_stride, x_stride, gx_stride;
  const T* gy;
  const T* x;
  const float* weight;
  T* gx;
  double* sums;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t first = groups.channel(i);
    const int64_t image = groups.image(i);
    const T* g = gy + image * groups.pixels * gy_stride + first;
    const T* from = x + image * groups.pixels * x_stride + first;
    const Moments m = Moments::of(from, x_stride, groups, eps);
    double mean = 0, along = 0;
    for (int64_t c = 0; c < groups.size(); ++c) {
      double of_weight = 0, of_bias = 0;
      for (int64_t pixel = 0; pixel < groups.pixels; ++pixel) {
        const float value = static_cast<float>(g[pixel * gy_stride + c]);
        of_bias += static_cast<double>(value);
        of_weight += static_cast<double>(value) * static_cast<double>(normal(from, pixel, c, m));
      }
      double* const to = sums + image * 2 * groups.channels + first + c;
      to[0] = of_weight;
      to[groups.channels] = of_bias;
      mean += of_bias * static_cast<double>(weight[first + c]);
      along += of_weight * static_cast<double>(weight[first + c]);
    }
    const double count = static_cast<double>(groups.pixels * groups.size());
    write(g, from, m, first, static_cast<float>(mean / count), static_cast<float>(along / count),
          gx + image * groups.pixels * gx_stride + first);
  }

 private:
  GRAPHRUN_DEVICE float normal(const T* from, int64_t pixel, int64_t c, const Moments& m) const {
    return (static_cast<float>(from[pixel * x_stride + c]) - m.mean) * m.inv_std;
  }
  GRAPHRUN_DEVICE void write(const T* g, const T* from, const Moments& m, int64_t first, float mean,
                             float along, T* to) const {
    for (int64_t pixel = 0; pixel < groups.pixels; ++pixel) {
      for (int64_t c = 0; c < groups.size(); ++c) {
        const float scaled = static_cast<float>(g[pixel * gy_stride + c]) * weight[first + c];
        to[pixel * gx_stride + c] =
            static_cast<T>(m.inv_std * (scaled - mean - normal(from, pixel, c, m) * along));
      }
    }
  }
};

}  // namespace graphrun::ops::group_norm
