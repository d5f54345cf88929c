#include "graphrun/kernel/op_def.h"
#include "ops/common/interpolation.h"
#include "ops/cross_entropy/names.h"
#include "ops/cross_entropy/types.h"
#include "ops/resize/fusion.h"

namespace graphrun::ops::resize_cross_entropy {
namespace {

using cross_entropy::class_weights_input;
using cross_entropy::score_inputs;

Status infer_totals(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(cross_entropy::require_label(*inputs[1], *inputs[0]));
  GRAPHRUN_TRY(cross_entropy::require_class_weights(inputs[2], *inputs[0]));
  outputs = cross_entropy::totals_types(*inputs[0]);
  return {};
}

Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(cross_entropy::require_totals(*inputs[0], "gtotals"));
  GRAPHRUN_TRY(cross_entropy::require_label(*inputs[2], *inputs[1]));
  GRAPHRUN_TRY(cross_entropy::require_class_weights(inputs[3], *inputs[1]));
  outputs = {*inputs[1]};
  return {};
}

Status infer_probability(const Attributes&, std::span<const ValueType* const> inputs,
                         std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(cross_entropy::require_label(*inputs[1], *inputs[0]));
  outputs = {ValueType::dense(DType::f32, inputs[1]->shape)};
  return {};
}

// The op on logits of the label's size that `node` stands for.
std::vector<ValueId> at_label_size(std::string_view op, const Node& node, GraphWriter& graph,
                                   std::string_view suffix) {
  std::vector<ValueId> inputs = node.inputs;
  inputs[0] = graph.add(resize::kResize, {node.inputs[0], node.inputs[1]}, pick_interpolation(node.attrs),
                        "resize")[0];
  return graph.add(op, std::move(inputs), cross_entropy::pick_pixel_loss(node.attrs), suffix);
}
std::vector<ValueId> parts_of_totals(const Node& node, GraphWriter& graph) {
  return at_label_size(cross_entropy::kTotalsOp, node, graph, "totals");
}
std::vector<ValueId> parts_of_probability(const Node& node, GraphWriter& graph) {
  return at_label_size(cross_entropy::kLabelProbabilityOp, node, graph, "probability");
}

std::vector<AttrSpec> with_interpolation(std::vector<AttrSpec> specs) {
  append(specs, interpolation_attrs());
  return specs;
}

std::vector<ValueId> parts_of_grad(const Node& node, GraphWriter& graph) {
  const ValueId logits = node.inputs[1];
  std::vector<ValueId> inputs = node.inputs;
  const AttrMap rule = pick_interpolation(node.attrs);
  inputs[1] = graph.add(resize::kResize, {logits, node.inputs[2]}, rule, "resize")[0];
  const ValueId glarge = graph.add(cross_entropy::kGradOp, std::move(inputs),
                                   cross_entropy::pick_pixel_loss(node.attrs), "totals.grad")[0];
  return graph.add(resize::kResizeGrad, {glarge, logits}, rule, "resize.grad");
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  const ValueId counted = node.inputs[3];
  std::vector<ValueId> gradients(node.inputs.size(), kNoValue);
  gradients[0] = graph.add("resize_cross_entropy_grad",
                           {request.output_gradients[0], node.inputs[0],
                            counted == kNoValue ? node.inputs[1] : counted, node.inputs[2]},
                           node.attrs, "grad")[0];
  return gradients;
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef totals = {
      .name = "resize_cross_entropy_totals",
      .doc = "resize to the size of the label, then cross_entropy_totals, without logits of that size.",
      .inputs = {{.name = "logits", .doc = "activation (N, C, h, w)"},
                 score_inputs()[1],
                 class_weights_input(),
                 cross_entropy::counted_input()},
      .outputs = cross_entropy::totals_outputs(),
      .attrs = with_interpolation(cross_entropy::pixel_loss_attrs()),
      .precision = Precision::always_f32,
      .infer = infer_totals,
      .gradient = gradient,
      .decomposition = parts_of_totals,
      .fusion = {cross_entropy::kTotalsOp, resize::fuse_with_resize},
      .internal = true,
  };
  static const OpDef grad = {
      .name = "resize_cross_entropy_grad",
      .doc = "Gradient of resize_cross_entropy_totals by its small logits.",
      .inputs = {{.name = "gtotals",
                  .doc = "f64 (2): gradient of totals; the sum of weights has none",
                  .type = cross_entropy::kTotals},
                 {.name = "logits", .doc = "activation (N, C, h, w)"},
                 score_inputs()[1],
                 class_weights_input()},
      .outputs = {{.name = "glogits", .doc = "gradient of logits"}},
      .attrs = with_interpolation(cross_entropy::pixel_loss_attrs()),
      .infer = infer_grad,
      .not_differentiable = kGradientOnce,
      .decomposition = parts_of_grad,
      .internal = true,
  };
  static const OpDef probability = {
      .name = "resize_label_probability",
      .doc = "resize to the size of the label, then label_probability, without logits of that size.",
      .inputs = {{.name = "logits", .doc = "activation (N, C, h, w)"}, score_inputs()[1]},
      .outputs = {{.name = "probability", .doc = "f32 (N, H, W)", .type = OperandType::dense(DType::f32, 3)}},
      .attrs = with_interpolation({cross_entropy::ignore_label_attr()}),
      .precision = Precision::always_f32,
      .infer = infer_probability,
      .not_differentiable = "it only selects pixels",
      .decomposition = parts_of_probability,
      .fusion = {cross_entropy::kLabelProbabilityOp, resize::fuse_with_resize},
      .internal = true,
  };
  return {&totals, &grad, &probability};
}

}  // namespace graphrun::ops::resize_cross_entropy
