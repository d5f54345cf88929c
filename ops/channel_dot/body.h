#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"
#include "graphrun/tensor.h"

namespace graphrun::ops::channel_dot {

// One pixel a index. Channels are summed in 16 lanes side by side, and those in order.
template <class T>
struct ChannelDot {
  int64_t channels;
  int64_t a_stride, b_stride, y_stride;  // from pixel to pixel
  const T* a;
  const T* b;
  T* y;

  GRAPHRUN_DEVICE void operator()(int64_t pixel) const {
    constexpr int64_t kLanes = 16;
    const T* left = a + pixel * a_stride;
    const T* right = b + pixel * b_stride;
    float part[kLanes] = {};
    const int64_t whole = channels / kLanes * kLanes;
    for (int64_t first = 0; first < whole; first += kLanes) {
      for (int64_t c = 0; c < kLanes; ++c)
        part[c] += static_cast<float>(left[first + c]) * static_cast<float>(right[first + c]);
    }
    for (int64_t c = whole; c < channels; ++c)
      part[c - whole] += static_cast<float>(left[c]) * static_cast<float>(right[c]);
    float sum = 0;
    for (int64_t c = 0; c < kLanes; ++c) sum += part[c];
    y[pixel * y_stride] = static_cast<T>(sum);
  }
};

// Without its pointers.
template <class T>
ChannelDot<T> make_channel_dot(const TensorDesc& a, const TensorDesc& b, const TensorDesc& y) {
  return {a.c(), a.pixel_stride, b.pixel_stride, y.pixel_stride, nullptr, nullptr, nullptr};
}

}  // namespace graphrun::ops::channel_dot
