#include <algorithm>

#include "graphrun/bfloat16.h"
#include "ops/common/bytes.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops {
namespace {

template <class From>
GRAPHRUN_SIMD void to_bytes(const From* x, Quantisation q, std::uint8_t* y, std::int64_t length) {
  const float factor = 1.0f / q.scale;
  const auto zero = static_cast<float>(q.zero_point);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) {
    const float value = static_cast<float>(x[i]) * factor + zero;
    y[i] = nearest_byte(std::min(std::max(0.0f, value), 255.0f));
  }
}
template <class To>
GRAPHRUN_SIMD void to_reals(const std::uint8_t* x, Quantisation q, To* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i)
    y[i] = static_cast<To>(static_cast<float>(static_cast<std::int32_t>(x[i]) - q.zero_point) * q.scale);
}

template <class T>
void quantise_of(const TensorView& from, const TensorView& to, const PixelRows& rows, int threads) {
  rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
    to_bytes(from.as<const T>() + at * rows.stride(0), to.desc.quantisation,
             to.as<std::uint8_t>() + at * rows.stride(1), length);
  });
}
template <class T>
void dequantise_of(const TensorView& from, const TensorView& to, const PixelRows& rows, int threads) {
  rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
    to_reals(from.as<const std::uint8_t>() + at * rows.stride(0), from.desc.quantisation,
             to.as<T>() + at * rows.stride(1), length);
  });
}

}  // namespace

void quantise_row(const float* x, Quantisation q, std::uint8_t* y, std::int64_t length) {
  to_bytes(x, q, y, length);
}
void dequantise_row(const std::uint8_t* x, Quantisation q, float* y, std::int64_t length) {
  to_reals(x, q, y, length);
}

void quantise(const TensorView& from, const TensorView& to, const PixelRows& rows, int threads) {
  if (from.desc.dtype == DType::bf16) return quantise_of<BFloat16>(from, to, rows, threads);
  quantise_of<float>(from, to, rows, threads);
}
void dequantise(const TensorView& from, const TensorView& to, const PixelRows& rows, int threads) {
  if (to.desc.dtype == DType::bf16) return dequantise_of<BFloat16>(from, to, rows, threads);
  dequantise_of<float>(from, to, rows, threads);
}

}  // namespace graphrun::ops
