#pragma once

#include <algorithm>
#include <cstdint>

#include "graphrun/kernel/kernel.h"
#include "graphrun/tensor.h"
#include "ops/common/pixel_rows.h"
#include "runtime/cpu/simd.h"

// Activations that are stored in 8 bits, on the CPU.
namespace graphrun::ops {

// The integer of an activation as the element type of a body, for ops that compute with integers as they
// would with what these stand for (OpDef::shares_scale). Rounds to nearest.
struct Byte {
  std::uint8_t bits;

  Byte() = default;
  // Precondition: 0 <= value <= 255, as averages of such integers are.
  explicit Byte(float value) : bits(static_cast<std::uint8_t>(value + 0.5f)) {}
  operator float() const { return static_cast<float>(bits); }
};

// prepare() where all activations of the request are bytes of one scale, else declined.
template <class Prepare>
Result<std::unique_ptr<Kernel>> for_bytes(const KernelRequest& request, const Prepare& prepare) {
  GRAPHRUN_ASSIGN(const DType type, activation_type(request));
  if (type != DType::u8) return {ErrorCode::declined, "this kernel is for activations in u8"};
  return prepare();
}

// Reals as integers, those beyond the range as the nearest, NaN as 0.
template <class From>
GRAPHRUN_SIMD void quantise_row(const From* x, Quantisation q, std::uint8_t* y, std::int64_t length) {
  const float factor = 1.0f / q.scale;
  const auto zero = static_cast<float>(q.zero_point);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) {
    const float value = static_cast<float>(x[i]) * factor + zero;
    y[i] = static_cast<std::uint8_t>(std::min(std::max(0.0f, value), 255.0f) + 0.5f);
  }
}
template <class To>
GRAPHRUN_SIMD void dequantise_row(const std::uint8_t* x, Quantisation q, To* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i)
    y[i] = static_cast<To>(static_cast<float>(static_cast<std::int32_t>(x[i]) - q.zero_point) * q.scale);
}

// From reals of type T to bytes of y's quantisation, or the other way; `from` and `to` have one shape.
template <class T>
void quantise(const TensorView& from, const TensorView& to, const PixelRows& rows, int threads) {
  rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
    quantise_row(from.as<const T>() + at * rows.stride(0), to.desc.quantisation,
                 to.as<std::uint8_t>() + at * rows.stride(1), length);
  });
}
template <class T>
void dequantise(const TensorView& from, const TensorView& to, const PixelRows& rows, int threads) {
  rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
    dequantise_row(from.as<const std::uint8_t>() + at * rows.stride(0), from.desc.quantisation,
                   to.as<T>() + at * rows.stride(1), length);
  });
}

}  // namespace graphrun::ops
