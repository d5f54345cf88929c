#include "ops/common/definition.h"

namespace graphrun::ops::vector {
namespace {

Status infer_axpby(const Attributes&, std::span<const ValueType* const> inputs,
                   std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_shape(*inputs[0], {2}, "factors"));
  outputs = {*inputs[1]};
  return {};
}

Status infer_first_nonfinite(const Attributes&, std::span<const ValueType* const>,
                             std::vector<ValueType>& outputs) {
  outputs = {ValueType::dense(DType::i64, {})};
  return {};
}

Status infer_lerp(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  outputs = {*inputs[1]};
  return {};
}

Status infer_sum_of_squares(const Attributes&, std::span<const ValueType* const>,
                            std::vector<ValueType>& outputs) {
  outputs = {ValueType::dense(DType::f64, {})};
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef axpby{
      .name = "axpby",
      .doc = "a x + b y with factors that are known when it runs; y is not read where b is 0.",
      .inputs = {{.name = "factors", .doc = "f32 (2): a and b", .type = OperandType::dense(DType::f32, 1)},
                 {.name = "x", .doc = "f32, dense", .type = OperandType::dense(DType::f32)},
                 {.name = "y", .doc = "of the shape of x", .type = OperandType::same_as(1)}},
      .outputs = {{"z", "of the shape of x", OperandType::same_as(1)}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_axpby,
      .not_differentiable = "it adds up gradients, after differentiation",
      .role = OpRole::linear_combination,
      .in_place = {{0, 2}},
      .internal = true};
  static const OpDef first_nonfinite{
      .name = "first_nonfinite",
      .doc = "Where the first infinity or NaN is.",
      .inputs = {{.name = "x", .doc = "f32, dense", .type = OperandType::dense(DType::f32)}},
      .outputs = {{"index", "i64 scalar: index in memory order, -1 where all are finite",
                   OperandType::scalar(DType::i64)}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_first_nonfinite,
      .not_differentiable = "its result is no real number",
      .role = OpRole::first_nonfinite,
      .internal = true};
  static const OpDef lerp{
      .name = "lerp",
      .doc = "y + t (x - y) with a part that is known when it runs: a moving average y of x.",
      .inputs = {{.name = "t", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)},
                 {.name = "x", .doc = "f32, dense", .type = OperandType::dense(DType::f32)},
                 {.name = "y", .doc = "of the shape of x", .type = OperandType::same_as(1)}},
      .outputs = {{"z", "of the shape of x", OperandType::same_as(1)}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_lerp,
      .not_differentiable = "it averages weights, after training's step",
      .role = OpRole::moving_average,
      .in_place = {{0, 2}},
      .internal = true};
  static const OpDef sum_of_squares{
      .name = "sum_of_squares",
      .doc = "Of all elements, summed in f64.",
      .inputs = {{.name = "x", .doc = "f32, dense", .type = OperandType::dense(DType::f32)}},
      .outputs = {{"sum", "f64 scalar", OperandType::scalar(DType::f64)}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_sum_of_squares,
      .not_differentiable = "it measures gradients, after differentiation",
      .role = OpRole::sum_of_squares,
      .internal = true};
  return {&axpby, &first_nonfinite, &lerp, &sum_of_squares};
}

}  // namespace graphrun::ops::vector
