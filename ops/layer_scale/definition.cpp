#include "ops/common/definition.h"

namespace graphrun::ops::layer_scale {
namespace {

constexpr OperandType kPerChannel = OperandType::dense(DType::f32, 1);  // (C)

Status infer(const Attributes&, std::span<const ValueType* const> inputs, std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_shape(*inputs[1], {inputs[0]->shape[1]}, "layer_scale_parameter"));
  outputs = {*inputs[0]};
  return {};
}

Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  outputs = {ValueType::dense(DType::f32, {inputs[0]->shape[1]})};
  return {};
}

Result<std::vector<Dim>> variable_shape(const Attributes&, std::span<const ValueType* const> inputs, int) {
  return std::vector<Dim>{inputs[0]->shape[1]};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const ValueId gy = request.output_gradients[0];
  const Node& node = request.node;
  std::vector<ValueId> gradients(2, kNoValue);
  if (request.needed[0]) gradients[0] = graph.add("layer_scale", {gy, node.inputs[1]}, {}, "grad_x")[0];
  if (request.needed[1])
    gradients[1] = graph.add("layer_scale_grad_weight", {gy, node.inputs[0]}, {}, "grad_weight")[0];
  return gradients;
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward{
      .name = "layer_scale",
      .doc =
          "y = x times a factor for each channel, which is learned: what keeps the branches of a deep "
          "network "
          "small at first (Touvron et al. 2021, \"Going deeper with Image Transformers\", section 2.1).",
      .inputs = {{.name = "x", .doc = "activation (N, C, H, W)"},
                 {.name = "layer_scale_parameter",
                  .doc = "factor of each channel (C)",
                  .type = kPerChannel,
                  .is_variable = true,
                  .init = {.kind = InitKind::constant, .a = 1e-6}}},
      .outputs = {{"y", "of the shape of x"}},
      .attrs = {},
      .infer = infer,
      .variable_shape = variable_shape,
      .gradient = gradient,
      .in_place = {{0, 0}}};
  static const OpDef grad_weight{
      .name = "layer_scale_grad_weight",
      .doc = "Gradient of layer_scale by its factors: the sum of gy * x over all pixels.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "layer_scale's x", .type = OperandType::same_as(0)}},
      .outputs = {{.name = "gweight", .doc = "gradient of the factors (C)", .type = kPerChannel}},
      .attrs = {},
      .infer = infer_grad,
      .not_differentiable = kGradientOnce,
      .internal = true};
  return {&forward, &grad_weight};
}

}  // namespace graphrun::ops::layer_scale
