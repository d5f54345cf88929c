#include "graphrun/kernel/op_def.h"

namespace graphrun::ops::softmax {
namespace {

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("softmax_grad", {request.output_gradients[0], request.node.outputs[0]}, {}, "grad");
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward = {
      .name = "softmax",
      .doc = "exp(x) over the sum of exp(x) of all channels of a pixel.",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"}},
      .outputs = {{.name = "y", .doc = "(N, C, H, W); the channels of a pixel sum to 1"}},
      .attrs = {},
      .infer = infer,
      .gradient = gradient,
      .in_place = {{0, 0}},
  };
  static const OpDef backward = {
      .name = "softmax_grad",
      .doc = "Gradient of softmax: y (gy - sum of gy y).",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "y", .doc = "softmax's output", .type = OperandType::same_as(0)}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = {},
      .infer = infer,
      .not_differentiable = "second derivatives are not offered",
      .in_place = {{0, 0}},
      .internal = true,
  };
  return {&forward, &backward};
}

}  // namespace graphrun::ops::softmax
