#include "graphrun/kernel/op_def.h"
#include "ops/elementwise/names.h"

namespace graphrun::ops::channel_dot {
namespace {

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  const ValueType& a = *inputs[0];
  outputs = {ValueType::activation(a.shape[0], 1, a.shape[2], a.shape[3])};
  outputs[0].dtype = a.dtype;
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const ValueId g = request.output_gradients[0];
  std::vector<ValueId> gradients(2, kNoValue);
  if (request.needed[0])
    gradients[0] = graph.add(elementwise::kMultiply, {g, request.node.inputs[1]}, {}, "grad_a")[0];
  if (request.needed[1])
    gradients[1] = graph.add(elementwise::kMultiply, {g, request.node.inputs[0]}, {}, "grad_b")[0];
  return gradients;
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef dot = {
      .name = "channel_dot",
      .doc = "The product of two pixels' channels, summed: how alike the features of two maps are there.",
      .inputs = {{.name = "a", .doc = "activation (N, C, H, W)"},
                 {.name = "b", .doc = "of the shape of a", .type = OperandType::same_as(0)}},
      .outputs = {{.name = "y", .doc = "(N, 1, H, W)"}},
      .attrs = {},
      .infer = infer,
      .gradient = gradient,
  };
  return {&dot};
}

}  // namespace graphrun::ops::channel_dot
