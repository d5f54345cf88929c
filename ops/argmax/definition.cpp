#include "graphrun/kernel/op_def.h"

namespace graphrun::ops::argmax {
namespace {

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  outputs = {ValueType::dense(DType::i32, {x.shape[0], x.shape[2], x.shape[3]})};
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef def = {
      .name = "argmax",
      .doc = "The channel with the largest value of each pixel; the first one where several are equal.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"}},
      .outputs = {{.name = "y", .doc = "i32 (N, H, W)", .type = OperandType::dense(DType::i32, 3)}},
      .attrs = {},
      .infer = infer,
      .not_differentiable = "its value is a step function of x",
      .role = OpRole::arg_max,
  };
  return {&def};
}

}  // namespace graphrun::ops::argmax
