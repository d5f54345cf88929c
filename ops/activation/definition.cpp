#include "ops/common/definition.h"

namespace graphrun::ops::activation {
namespace {

Status infer_same(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

std::vector<ValueId> relu_gradient(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("relu_grad", {request.output_gradients[0], request.node.outputs[0]}, {}, "grad");
}

std::vector<ValueId> sigmoid_gradient(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("sigmoid_grad", {request.output_gradients[0], request.node.outputs[0]}, {}, "grad");
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef relu{.name = "relu",
                          .doc = "y = max(x, 0).",
                          .inputs = {{.name = "x", .doc = "any activation"}},
                          .outputs = {{"y", "of the shape of x"}},
                          .attrs = {},
                          .infer = infer_same,
                          .gradient = relu_gradient,
                          .in_place = {{0, 0}}};
  static const OpDef relu_grad{
      .name = "relu_grad",
      .doc = "The gradient of relu: gy where y > 0, else 0.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "y", .doc = "what relu gave", .type = OperandType::same_as(0)}},
      .outputs = {{"gx", "gradient of x"}},
      .attrs = {},
      .infer = infer_same,
      .not_differentiable = kGradientOnce,
      .in_place = {{0, 0}, {0, 1}},
      .internal = true};
  static const OpDef sigmoid{.name = "sigmoid",
                             .doc = "y = 1/(1 + exp(-x)).",
                             .inputs = {{.name = "x", .doc = "any activation"}},
                             .outputs = {{"y", "of the shape of x"}},
                             .attrs = {},
                             .infer = infer_same,
                             .gradient = sigmoid_gradient,
                             .in_place = {{0, 0}}};
  static const OpDef sigmoid_grad{
      .name = "sigmoid_grad",
      .doc = "The gradient of sigmoid: gy * y * (1 - y).",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "y", .doc = "what sigmoid gave", .type = OperandType::same_as(0)}},
      .outputs = {{"gx", "gradient of x"}},
      .attrs = {},
      .infer = infer_same,
      .not_differentiable = kGradientOnce,
      .in_place = {{0, 0}, {0, 1}},
      .internal = true};
  return {&relu, &relu_grad, &sigmoid, &sigmoid_grad};
}

}  // namespace graphrun::ops::activation
