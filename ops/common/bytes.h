#pragma once

#include <cstdint>

#include "graphrun/kernel/kernel.h"
#include "graphrun/tensor.h"
#include "ops/common/pixel_rows.h"

// Activations that are stored in 8 bits, on the CPU.
namespace graphrun::ops {

// Stored in 8 bits, with what its integers stand for.
inline bool is_byte(const TensorDesc& desc) { return desc.dtype == DType::u8 && desc.quantisation.scale > 0; }

// The integer nearest to 0 <= value <= 255. Adding a half and cutting off vectorises; lround is a call.
inline std::uint8_t nearest_byte(float value) {
  return static_cast<std::uint8_t>(value + 0.5f);  // NOLINT(bugprone-incorrect-roundings): none is negative
}

// The integer of an activation as the element type of a body, for ops that compute with integers as they
// would with what these stand for (OpDef::shares_scale). Rounds to nearest.
struct Byte {
  std::uint8_t bits;

  Byte() = default;
  // Precondition: 0 <= value <= 255, as averages of such integers are.
  explicit Byte(float value) : bits(nearest_byte(value)) {}
  operator float() const { return static_cast<float>(bits); }
};

// prepare() where all activations of the request are bytes of one scale, else declined.
template <class Prepare>
Result<std::unique_ptr<Kernel>> for_bytes(const KernelRequest& request, const Prepare& prepare) {
  GRAPHRUN_ASSIGN(const DType type, activation_type(request));
  if (type != DType::u8) return {ErrorCode::declined, "this kernel is for activations in u8"};
  return prepare();
}

// Reals (f32) as integers, those beyond the range as the nearest, NaN as 0.
void quantise_row(const float* x, Quantisation q, std::uint8_t* y, std::int64_t length);
void dequantise_row(const std::uint8_t* x, Quantisation q, float* y, std::int64_t length);

// From reals, f32 or bf16, to bytes of y's quantisation, or the other way; `from` and `to` have one shape.
void quantise(const TensorView& from, const TensorView& to, const PixelRows& rows, int threads);
void dequantise(const TensorView& from, const TensorView& to, const PixelRows& rows, int threads);

}  // namespace graphrun::ops
