#include "ops/cross_entropy/types.h"
#include "runtime/model/op_def.h"

namespace graphrun::ops::resize_cross_entropy {
namespace {

Status infer_totals(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(cross_entropy::require_label(*inputs[1], *inputs[0]));
  outputs = cross_entropy::totals_types(*inputs[0]);
  return {};
}

Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(cross_entropy::require_totals(*inputs[0], "gtotals"));
  GRAPHRUN_TRY(cross_entropy::require_label(*inputs[2], *inputs[1]));
  outputs = {*inputs[1]};
  return {};
}

std::vector<ValueId> parts_of_totals(const Node& node, GraphWriter& graph) {
  const std::vector<ValueId> large = graph.add("resize", {node.inputs[0], node.inputs[1]}, {}, "resize");
  return graph.add("cross_entropy_totals", {large[0], node.inputs[1]}, node.attrs, "totals");
}

std::vector<ValueId> parts_of_grad(const Node& node, GraphWriter& graph) {
  const ValueId logits = node.inputs[1];
  const ValueId label = node.inputs[2];
  const ValueId large = graph.add("resize", {logits, label}, {}, "resize")[0];
  const ValueId glarge =
      graph.add("cross_entropy_grad", {node.inputs[0], large, label}, node.attrs, "totals.grad")[0];
  return graph.add("resize_grad", {glarge, logits}, {}, "resize.grad");
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  return {graph.add("resize_cross_entropy_grad",
                    {request.output_gradients[0], node.inputs[0], node.inputs[1]}, node.attrs, "grad")[0],
          kNoValue};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef totals = {
      .name = "resize_cross_entropy_totals",
      .doc = "resize to the size of the label, then cross_entropy_totals, without logits of that size.",
      .inputs = {{.name = "logits", .doc = "activation (N, C, h, w)"},
                 {.name = "label", .doc = "i32 (N, H, W): classes 0 to C - 1, or ignore_label"}},
      .outputs = {{.name = "totals",
                   .doc = "f64 (2): sum of -log p of the labels, number of valid pixels",
                   .reduction = Reduction::loss},
                  {.name = "confusion",
                   .doc = "i64 (C, C): valid pixels by label (row) and predicted class (column)"}},
      .attrs = {cross_entropy::ignore_label_attr()},
      .precision = Precision::always_f32,
      .infer = infer_totals,
      .gradient = gradient,
      .parts = parts_of_totals,
      .internal = true,
  };
  static const OpDef grad = {
      .name = "resize_cross_entropy_grad",
      .doc = "Gradient of resize_cross_entropy_totals by its small logits.",
      .inputs = {{.name = "gtotals", .doc = "f64 (2): gradient of totals; the count has none"},
                 {.name = "logits", .doc = "activation (N, C, h, w)"},
                 {.name = "label", .doc = "i32 (N, H, W)"}},
      .outputs = {{.name = "glogits", .doc = "gradient of logits"}},
      .attrs = {cross_entropy::ignore_label_attr()},
      .precision = Precision::always_f32,
      .infer = infer_grad,
      .not_differentiable = "second derivatives are not offered",
      .parts = parts_of_grad,
      .internal = true,
  };
  return {&totals, &grad};
}

}  // namespace graphrun::ops::resize_cross_entropy
