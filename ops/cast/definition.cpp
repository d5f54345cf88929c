#include "graphrun/kernel/op_def.h"

namespace graphrun::ops::cast {
namespace {

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef def = {
      .name = "cast",
      .doc =
          "The same numbers in another element type. Graphs know one type of activations; a session that "
          "computes in bf16 puts casts between what it computes in f32 and in bf16; one in int8 between "
          "integers and "
          "what they stand for.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"}},
      .outputs = {{.name = "y", .doc = "of x's shape, rounded to nearest"}},
      .attrs = {},
      .infer = infer,
      .not_differentiable = "it occurs in sessions only",
      .role = OpRole::cast,
      .internal = true,
  };
  return {&def};
}

}  // namespace graphrun::ops::cast
