#include "ops/common/definition.h"

namespace graphrun::ops::arena {
namespace {

Status infer_axpby(const Attributes&, std::span<const ValueType* const> inputs,
                   std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_dense(*inputs[0], DType::f32, {2}, "factors"));
  GRAPHRUN_TRY(require_dense(*inputs[1], DType::f32, inputs[1]->shape, "x"));
  GRAPHRUN_TRY(require_dense(*inputs[2], DType::f32, inputs[1]->shape, "y"));
  outputs = {*inputs[1]};
  return {};
}

Status infer_first_nonfinite(const Attributes&, std::span<const ValueType* const> inputs,
                             std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_dense(*inputs[0], DType::f32, inputs[0]->shape, "x"));
  outputs = {ValueType::dense(DType::i64, {})};
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef axpby{
      .name = "axpby",
      .doc = "a x + b y with factors that are known when it runs; y is not read where b is 0.",
      .inputs = {{.name = "factors", .doc = "f32 (2): a and b"},
                 {.name = "x", .doc = "f32, dense"},
                 {.name = "y", .doc = "of the shape of x"}},
      .outputs = {{"z", "of the shape of x"}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_axpby,
      .not_differentiable = "it adds up gradients, after differentiation",
      .in_place = {{0, 2}},
      .internal = true};
  static const OpDef first_nonfinite{
      .name = "first_nonfinite",
      .doc = "Where the first infinity or NaN is.",
      .inputs = {{.name = "x", .doc = "f32, dense"}},
      .outputs = {{"index", "i64 scalar: index in memory order, -1 where all are finite"}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_first_nonfinite,
      .not_differentiable = "its result is no real number",
      .internal = true};
  return {&axpby, &first_nonfinite};
}

}  // namespace graphrun::ops::arena
