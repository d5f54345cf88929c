#pragma once

#include <cstdint>

#include "ops/attention/problem.h"
#include "ops/common/cuda_kernel.cuh"

// What attention and its gradient share on a GPU: a thread has a row of its own (a query, or a key with its
// value) in registers, and the block's threads share tiles of the rows that all of them meet. Arithmetic is
// f32.
namespace graphrun::ops::attention {

inline constexpr int kThreads = 64;

// Heads in an activation, as rows of channels.
template <class T>
struct Rows {
  T* data;
  int64_t stride;  // elements from pixel to pixel
  int64_t pixels;  // of an image
  int width;       // of a head

  __device__ T* at(int64_t image, int64_t head, int64_t pixel) const {
    return data + (image * pixels + pixel) * stride + head * width;
  }
};

template <class T>
Rows<T> rows_of(const TensorView& view, const Problem& p) {
  return {view.as<T>(), view.desc.pixel_stride, view.desc.h() * view.desc.w(),
          static_cast<int>(view.desc.c() / p.heads)};
}

// A row of at most kWidth channels, with zeros behind them.
template <int kWidth>
struct Row {
  float element[kWidth];

  template <class T>
  __device__ void load(const T* from, int width) {
#pragma unroll
    for (int c = 0; c < kWidth; ++c) element[c] = c < width ? static_cast<float>(from[c]) : 0.0f;
  }
  __device__ void clear() {
#pragma unroll
    for (int c = 0; c < kWidth; ++c) element[c] = 0;
  }
  __device__ float dot(const float* other) const {
    float sum = 0;
#pragma unroll
    for (int c = 0; c < kWidth; ++c) sum = fmaf(element[c], other[c], sum);
    return sum;
  }
  __device__ void add(float factor, const float* other) {
#pragma unroll
    for (int c = 0; c < kWidth; ++c) element[c] = fmaf(factor, other[c], element[c]);
  }
  template <class T>
  __device__ void store(T* to, int width, float factor) const {
#pragma unroll
    for (int c = 0; c < kWidth; ++c) {
      if (c < width) to[c] = static_cast<T>(element[c] * factor);
    }
  }
};

// Rows that a block shares at a time.
template <int kWidth>
inline constexpr int kTileRows = 2048 / kWidth;
template <int kWidth>
struct Tile {
  float row[kTileRows<kWidth>][kWidth];

  // All threads of the block; rows from `first` on.
  template <class T>
  __device__ void load(const Rows<const T>& from, int64_t image, int64_t head, int64_t first, int count) {
    for (int i = threadIdx.x; i < count * kWidth; i += kThreads) {
      const int c = i % kWidth;
      row[i / kWidth][c] =
          c < from.width ? static_cast<float>(from.at(image, head, first + i / kWidth)[c]) : 0.0f;
    }
  }
};

// Calls launch(std::integral_constant) with the least width that has room for `width`.
template <class Launch>
Status for_width(int64_t width, const Launch& launch) {
  if (width <= 32) return launch(std::integral_constant<int, 32>());
  if (width <= 64) return launch(std::integral_constant<int, 64>());
  if (width <= 128) return launch(std::integral_constant<int, 128>());
  return launch(std::integral_constant<int, 256>());
}

inline Status require_width(const Problem& p) {
  if (p.width <= 256 && p.value_width <= 256) return {};
  return {ErrorCode::declined, "takes heads of at most 256 channels"};
}

}  // namespace graphrun::ops::attention
