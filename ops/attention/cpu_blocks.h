#pragma once

#include <cstdint>

#include "ops/attention/problem.h"
#include "runtime/core/round_up.h"
#include "runtime/cpu/lanes.h"
#include "runtime/numeric/softmax_row.h"

// What attention and its gradient compute on the CPU: a block of queries with a block of keys, in f32
// whatever the activations' type is; cpu_tiles.cpp has products of bf16. Weights of so many pairs lie in the
// first-level cache. To be inlined into functions that are compiled for each level of vectors
// (GRAPHRUN_SIMD).
namespace graphrun::ops::attention {

inline constexpr std::int64_t kQueries = 32;  // of a block
inline constexpr std::int64_t kKeys = 128;
inline constexpr std::int64_t kLanes = 16;
inline constexpr int kRowsOfTile = 8;

using core::round_up;

// A matrix in memory, read from any place in any order.
struct Strided {
  const float* data;
  std::int64_t row, column;  // elements from row to row, from column to column
};

// c = a b, or c += a b, of kRowsOfTile rows and kVectors x 16 columns.
template <int kVectors>
[[gnu::always_inline]] inline void multiply_tile(const Strided& a, const float* b, std::int64_t b_row,
                                                 std::int64_t terms, bool add, float* c, std::int64_t c_row) {
  using L = cpu::Lanes<kLanes>;
  L sum[kRowsOfTile][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRowsOfTile; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      sum[i][j].value = typename L::Floats{};
      if (add) L::load(c + i * c_row + j * kLanes, sum[i][j]);
    }
  }
  for (std::int64_t k = 0; k < terms; ++k) {
    L right[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) L::load(b + k * b_row + j * kLanes, right[j]);
#pragma GCC unroll 8
    for (int i = 0; i < kRowsOfTile; ++i) {
      const float left = a.data[i * a.row + k * a.column];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) sum[i][j].value += left * right[j].value;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRowsOfTile; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) L::store(sum[i][j], c + i * c_row + j * kLanes);
  }
}

// c (m, n) = a (m, terms) b (terms, n), or c += a b; m is a multiple of kRowsOfTile, n one of kLanes.
[[gnu::always_inline]] inline void multiply(std::int64_t m, std::int64_t n, std::int64_t terms,
                                            const Strided& a, const float* b, std::int64_t b_row, bool add,
                                            float* c, std::int64_t c_row) {
  for (std::int64_t i = 0; i < m; i += kRowsOfTile) {
    const Strided rows{a.data + i * a.row, a.row, a.column};
    std::int64_t j = 0;
    for (; j + 2 * kLanes <= n; j += 2 * kLanes)
      multiply_tile<2>(rows, b + j, b_row, terms, add, c + i * c_row + j, c_row);
    if (j < n) multiply_tile<1>(rows, b + j, b_row, terms, add, c + i * c_row + j, c_row);
  }
}

// Pixels of a head's channels.
template <class T>
struct Pixels {
  T* data;
  std::int64_t stride;  // elements from pixel to pixel
  std::int64_t count, width;
};

// As rows of `padded` floats, with zeros behind the channels and behind the last of `rows` rows.
template <class T>
[[gnu::always_inline]] inline void load_rows(const Pixels<const T>& from, float factor, std::int64_t rows,
                                             std::int64_t padded, float* to) {
  for (std::int64_t i = 0; i < rows; ++i, to += padded) {
    const std::int64_t width = i < from.count ? from.width : 0;
    const T* const pixel = from.data + i * from.stride;
    for (std::int64_t c = 0; c < width; ++c) to[c] = static_cast<float>(pixel[c]) * factor;
    for (std::int64_t c = width; c < padded; ++c) to[c] = 0;
  }
}

// Loads pixels with rows and columns exchanged: `width` rows of kKeys floats.
template <class T>
[[gnu::always_inline]] inline void load_columns(const Pixels<const T>& from, float factor, float* to) {
  for (std::int64_t i = 0; i < kKeys; ++i) {
    const T* const pixel = from.data + i * from.stride;
    if (i < from.count) {
      for (std::int64_t c = 0; c < from.width; ++c) to[c * kKeys + i] = static_cast<float>(pixel[c]) * factor;
    } else {
      for (std::int64_t c = 0; c < from.width; ++c) to[c * kKeys + i] = 0;
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void store_rows(const float* from, std::int64_t padded, const Pixels<T>& to) {
  for (std::int64_t i = 0; i < to.count; ++i) {
    const float* const row = from + i * padded;
    T* const pixel = to.data + i * to.stride;
    cpu::for_lanes(to.width, [&](auto lanes, std::int64_t c) {
      cpu::Lanes<lanes> value;
      cpu::Lanes<lanes>::load(row + c, value);
      cpu::Lanes<lanes>::store(value, pixel + c);
    });
  }
}

// Scores of `count` keys to weights; what a query has gathered before is brought to its new maximum.
[[gnu::always_inline]] inline void weigh(float* scores, std::int64_t count, float& max, float& sum,
                                         float* gathered, std::int64_t width) {
  const float before = max;
  const float block_max = numeric::row_max(scores, count);
  max = block_max > before ? block_max : before;
  const float block_sum = numeric::row_exp(scores, max, count, scores);
  for (std::int64_t j = count; j < round_up(count, kLanes); ++j) scores[j] = 0;
  const float shrink = before == max ? 1.0f : numeric::exp_float(before - max);
  sum = sum * shrink + block_sum;
  if (shrink == 1.0f) return;
  for (std::int64_t c = 0; c < width; ++c) gathered[c] *= shrink;
}

// A head of one image in an activation, from a pixel on.
template <class T>
Pixels<T> pixels_of(const TensorView& view, const Problem& p, std::int64_t of_heads, std::int64_t first,
                    std::int64_t most) {
  const std::int64_t pixels = view.desc.h() * view.desc.w();
  const std::int64_t width = view.desc.c() / p.heads;
  const std::int64_t start = (of_heads / p.heads * pixels + first) * view.desc.pixel_stride;
  return {view.as<T>() + start + of_heads % p.heads * width, view.desc.pixel_stride,
          std::min(most, pixels - first), width};
}

}  // namespace graphrun::ops::attention
