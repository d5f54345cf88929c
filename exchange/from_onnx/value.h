#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "exchange/from_onnx/step_graph.h"
#include "exchange/onnx/model.h"
#include "graphrun/kernel/dim.h"

namespace graphrun::exchange::from_onnx {

// An activation: (N, C, H, W) in the graph that is made. A tensor of lower rank stands as one whose last
// extents are 1.
struct Map {
  StepValue value = kNoStepValue;
  int rank = 4;
  // Zeros around it, above, left, below and right, that the convolution which reads it takes upon itself.
  std::array<std::int64_t, 4> padding{};

  // Between QuantizeLinear and DequantizeLinear: with what it was quantised.
  float scale = 0, zero = 0;
  bool is_not_negative = false;  // wherever it is known

  bool is_padded() const { return padding != std::array<std::int64_t, 4>{}; }
  bool is_quantised() const { return scale > 0; }
};

// In a list of integers: real ones have an element or two for each axis.
inline constexpr std::size_t kMaxIntegers = 64;

// Integers of rank 0 or 1, such as a shape: numbers, or what is computed from the image's sizes.
struct Integers {
  std::vector<Dim> elements;
  bool is_scalar = false;
};

// What a name of the ONNX graph stands for while the graph is translated.
using Value = std::variant<Map, Integers, Constant>;

// The elements of a constant of any real type. Errors: another type.
Result<std::vector<float>> reals_of(const onnx::Tensor& tensor);
// The elements of a constant of integers that are quantised numbers: i8, u8, i32. Errors: another type.
Result<std::vector<float>> numbers_of(const onnx::Tensor& tensor);
// The elements of a constant of integers of rank 0 or 1, not too many for a shape. Errors: another constant.
Result<Integers> integers_of(const onnx::Tensor& tensor);
// An f32 constant with own memory.
onnx::Tensor tensor_of(const std::vector<float>& values, std::vector<std::int64_t> dims);

// A view of the tensor's elements, in its memory, with other dims.
onnx::Tensor with_dims(const onnx::Tensor& tensor, std::vector<std::int64_t> dims);

}  // namespace graphrun::exchange::from_onnx
