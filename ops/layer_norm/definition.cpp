#include "ops/common/definition.h"

namespace graphrun::ops::layer_norm {
namespace {

constexpr OperandType kPerChannel = OperandType::dense(DType::f32, 1);

AttrSpec eps_attr() {
  return {.name = "eps",
          .kind = AttrKind::real,
          .doc = "added to the variance",
          .fallback = Expr(1e-5),
          .min = 0};
}

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  GRAPHRUN_TRY(require_shape(*inputs[1], {x.shape[1]}, "weight"));
  GRAPHRUN_TRY(require_shape(*inputs[2], {x.shape[1]}, "bias"));
  outputs = {x};
  return {};
}

Result<std::vector<Dim>> variable_shape(const Attributes&, std::span<const ValueType* const> inputs, int) {
  return std::vector<Dim>{inputs[0]->shape[1]};
}

Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[1];
  GRAPHRUN_TRY(require_shape(*inputs[2], {x.shape[1]}, "weight"));
  outputs = {x, *inputs[2], *inputs[2]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  return graph.add("layer_norm_grad", {request.output_gradients[0], node.inputs[0], node.inputs[1]},
                   node.attrs, "grad");
}

InputSpec variable(std::string_view name, std::string_view doc, double value) {
  return {.name = name,
          .doc = doc,
          .type = kPerChannel,
          .is_variable = true,
          .init = {.kind = InitKind::constant, .a = value}};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward{.name = "layer_norm",
                             .doc =
                                 "y = (x - mean)/sqrt(var + eps) * weight + bias, with mean and biased "
                                 "variance of a pixel's channels "
                                 "(Ba, Kiros and Hinton 2016).",
                             .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"},
                                        variable("weight", "scale of each channel (C)", 1),
                                        variable("bias", "offset of each channel (C)", 0)},
                             .outputs = {{"y", "of the shape of x"}},
                             .attrs = {eps_attr()},
                             .infer = infer,
                             .variable_shape = variable_shape,
                             .gradient = gradient,
                             .in_place = {{0, 0}}};
  static const OpDef backward{
      .name = "layer_norm_grad",
      .doc = "Gradients of layer_norm.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "layer_norm's x", .type = OperandType::same_as(0)},
                 {.name = "weight", .doc = "scale of each channel (C)", .type = kPerChannel}},
      .outputs = {{"gx", "gradient of x"},
                  {.name = "gweight", .doc = "gradient of weight", .type = kPerChannel, .optional = true},
                  {.name = "gbias", .doc = "gradient of bias", .type = kPerChannel, .optional = true}},
      .attrs = {eps_attr()},
      .infer = infer_grad,
      .not_differentiable = kGradientOnce,
      .internal = true};
  return {&forward, &backward};
}

}  // namespace graphrun::ops::layer_norm
