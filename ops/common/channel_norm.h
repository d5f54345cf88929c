#pragma once

#include "ops/common/definition.h"

// What the definitions of norms share: a scale and an offset of each channel, and eps.
namespace graphrun::ops {

inline constexpr OperandType kPerChannel = OperandType::dense(DType::f32, 1);  // (C)

inline AttrSpec eps_attr() {
  return {.name = "eps",
          .kind = AttrKind::real,
          .doc = "added to the variance",
          .fallback = Expr(1e-5),
          .min = 0};
}

// Norms whose statistics are of the image alone: (x, weight, bias) -> y and (gy, x, weight) -> (gx, gweight,
// gbias), with these operands in these places.
inline std::vector<InputSpec> norm_inputs() {
  const auto variable = [](std::string_view name, std::string_view doc, double value) {
    return InputSpec{.name = name,
                     .doc = doc,
                     .type = kPerChannel,
                     .is_variable = true,
                     .init = {.kind = InitKind::constant, .a = value}};
  };
  return {{.name = "x", .doc = "activation (N, C, H, W)"},
          variable("weight", "scale of each channel (C)", 1),
          variable("bias", "offset of each channel (C)", 0)};
}
inline std::vector<InputSpec> norm_grad_inputs(std::string_view x_doc) {
  return {{.name = "gy", .doc = "gradient of y"},
          {.name = "x", .doc = x_doc, .type = OperandType::same_as(0)},
          {.name = "weight", .doc = "scale of each channel (C)", .type = kPerChannel}};
}
inline std::vector<OutputSpec> norm_grad_outputs() {
  return {{"gx", "gradient of x"},
          {.name = "gweight", .doc = "gradient of weight", .type = kPerChannel, .optional = true},
          {.name = "gbias", .doc = "gradient of bias", .type = kPerChannel, .optional = true}};
}

inline Status infer_norm(const Attributes&, std::span<const ValueType* const> inputs,
                         std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  GRAPHRUN_TRY(require_shape(*inputs[1], {x.shape[1]}, "weight"));
  GRAPHRUN_TRY(require_shape(*inputs[2], {x.shape[1]}, "bias"));
  outputs = {x};
  return {};
}
inline Status infer_norm_grad(const Attributes&, std::span<const ValueType* const> inputs,
                              std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[1];
  GRAPHRUN_TRY(require_shape(*inputs[2], {x.shape[1]}, "weight"));
  outputs = {x, *inputs[2], *inputs[2]};
  return {};
}
inline Result<std::vector<Dim>> norm_variable_shape(const Attributes&,
                                                    std::span<const ValueType* const> inputs, int) {
  return std::vector<Dim>{inputs[0]->shape[1]};
}

// A node of the norm's gradient op, with the norm's own attributes.
inline std::vector<ValueId> norm_gradient(std::string_view grad_op, const GradientRequest& request,
                                          GraphWriter& graph) {
  const Node& node = request.node;
  return graph.add(grad_op, {request.output_gradients[0], node.inputs[0], node.inputs[1]}, node.attrs,
                   "grad");
}

}  // namespace graphrun::ops
