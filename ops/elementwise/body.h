#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

namespace graphrun::ops::elementwise {

// Where an operand lies under an output pixel (n, h, w), and from channel to channel there: a stride of 0
// broadcasts along that axis.
template <class T>
struct Operand {
  const T* data;
  int64_t n_stride;
  int64_t h_stride;
  int64_t w_stride;
  int64_t c_stride;  // 0 or 1

  GRAPHRUN_DEVICE const T* at(int64_t n, int64_t h, int64_t w) const {
    return data + n * n_stride + h * h_stride + w * w_stride;
  }
};

// Index i is output pixel i of `from`'s shape reduced to (n, height, width); it sums the rows x columns
// pixels of x that were broadcast from it. Short runs are summed in f32 and their sums in f64.
template <int kBlock, class T>
struct ReduceTo {
  const T* x;
  T* y;
  int64_t x_n_stride;
  int64_t x_h_stride;
  int64_t x_w_stride;
  int64_t y_stride;
  int64_t height;  // of y; 1 or that of x
  int64_t width;
  int64_t rows;  // of x for one pixel of y; height * rows is the height of x
  int64_t columns;
  int64_t channels;
  int64_t blocks;  // of kBlock channels

  GRAPHRUN_DEVICE void operator()(int64_t index) const {
    const int64_t block = index % blocks;
    const int64_t pixel = index / blocks;
    const int64_t column = pixel % width;
    const int64_t row = pixel / width % height;
    const int64_t n = pixel / width / height;
    const int64_t first = block * kBlock;
    const int64_t count = channels - first < kBlock ? channels - first : kBlock;
    const T* origin = x + n * x_n_stride + row * x_h_stride + column * x_w_stride + first;
    T* out = y + pixel * y_stride + first;
    if (count == kBlock) {
      sum(origin, out, kBlock);
    } else {
      sum(origin, out, count);
    }
  }

 private:
  GRAPHRUN_DEVICE void sum(const T* origin, T* out, int64_t count) const {
    constexpr int64_t kRun = 16;
    double total[kBlock] = {};
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t begin = 0; begin < columns; begin += kRun) {
        const int64_t end = begin + kRun < columns ? begin + kRun : columns;
        float part[kBlock] = {};
        for (int64_t column = begin; column < end; ++column) {
          const T* pixel = origin + row * x_h_stride + column * x_w_stride;
          for (int64_t c = 0; c < count; ++c) part[c] += pixel[c];
        }
        for (int64_t c = 0; c < count; ++c) total[c] += static_cast<double>(part[c]);
      }
    }
    for (int64_t c = 0; c < count; ++c) out[c] = static_cast<T>(static_cast<float>(total[c]));
  }
};

// Sums likewise where y has one channel and x has several, which are summed too.
template <class T>
struct ReduceChannels {
  const T* x;
  T* y;
  int64_t x_n_stride;
  int64_t x_h_stride;
  int64_t x_w_stride;
  int64_t y_stride;
  int64_t height;
  int64_t width;
  int64_t rows;
  int64_t columns;
  int64_t channels;  // of x

  GRAPHRUN_DEVICE void operator()(int64_t pixel) const {
    const int64_t column = pixel % width;
    const int64_t row = pixel / width % height;
    const int64_t n = pixel / width / height;
    const T* origin = x + n * x_n_stride + row * x_h_stride + column * x_w_stride;
    double total = 0;
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) total += of_pixel(origin + i * x_h_stride + j * x_w_stride);
    }
    y[pixel * y_stride] = static_cast<T>(static_cast<float>(total));
  }

 private:
  GRAPHRUN_DEVICE double of_pixel(const T* from) const {
    constexpr int64_t kLanes = 16;
    float part[kLanes] = {};
    const int64_t whole = channels / kLanes * kLanes;
    for (int64_t first = 0; first < whole; first += kLanes) {
      for (int64_t c = 0; c < kLanes; ++c) part[c] += from[first + c];
    }
    for (int64_t c = whole; c < channels; ++c) part[c - whole] += from[c];
    double sum = 0;
    for (int64_t c = 0; c < kLanes; ++c) sum += static_cast<double>(part[c]);
    return sum;
  }
};

}  // namespace graphrun::ops::elementwise
