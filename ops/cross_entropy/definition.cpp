#include "ops/cross_entropy/types.h"
#include "runtime/model/op_def.h"

namespace graphrun::ops::cross_entropy {
namespace {

Status infer_totals(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_label(*inputs[1], *inputs[0]));
  GRAPHRUN_TRY(require_equal(inputs[0]->shape[2], inputs[1]->shape[1], "height of label"));
  GRAPHRUN_TRY(require_equal(inputs[0]->shape[3], inputs[1]->shape[2], "width of label"));
  outputs = totals_types(*inputs[0]);
  return {};
}

Status infer_loss(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(infer_totals(attrs, inputs, outputs));
  outputs.insert(outputs.begin(), ValueType::dense(DType::f32, {}));
  return {};
}

Status infer_grad(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(infer_totals(attrs, inputs.subspan(1), outputs));
  GRAPHRUN_TRY(require_totals(*inputs[0], "gtotals"));
  outputs = {*inputs[1]};
  return {};
}

Status infer_mean(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_totals(*inputs[0], "totals"));
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}

Status infer_mean_grad(const Attributes&, std::span<const ValueType* const> inputs,
                       std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_rank(*inputs[0], 0, "gloss"));
  GRAPHRUN_TRY(require_totals(*inputs[1], "totals"));
  outputs = {*inputs[1]};
  return {};
}

std::vector<ValueId> lower(const Node& node, GraphWriter& graph) {
  const std::vector<ValueId> totals = graph.add("cross_entropy_totals", node.inputs, node.attrs, "totals");
  return {graph.add("mean_loss", {totals[0]}, {}, "mean")[0], totals[0], totals[1]};
}

std::vector<ValueId> gradient_totals(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  return {graph.add("cross_entropy_grad", {request.output_gradients[0], node.inputs[0], node.inputs[1]},
                    node.attrs, "grad")[0],
          kNoValue};
}

std::vector<ValueId> gradient_mean(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("mean_loss_grad", {request.output_gradients[0], request.node.inputs[0]}, {}, "grad");
}

const std::vector<OutputSpec>& totals_outputs() {
  static const std::vector<OutputSpec> outputs = {
      {.name = "totals",
       .doc = "f64 (2): sum of -log p of the labels, number of valid pixels",
       .reduction = Reduction::loss},
      {.name = "confusion", .doc = "i64 (C, C): valid pixels by label (row) and predicted class (column)"}};
  return outputs;
}

std::vector<OutputSpec> loss_outputs() {
  std::vector<OutputSpec> outputs = totals_outputs();
  outputs.insert(outputs.begin(),
                 OutputSpec{.name = "loss", .doc = "f32 scalar: the mean of -log p; 0 without valid pixels"});
  return outputs;
}

const std::vector<InputSpec>& score_inputs() {
  static const std::vector<InputSpec> inputs = {
      {.name = "logits", .doc = "activation (N, C, H, W)"},
      {.name = "label", .doc = "i32 (N, H, W): classes 0 to C - 1, or ignore_label"}};
  return inputs;
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef loss = {
      .name = "cross_entropy",
      .doc =
          "Softmax cross entropy, averaged over the pixels that are not ignored (over all ranks), and the "
          "confusion matrix of this batch.",
      .inputs = score_inputs(),
      .outputs = loss_outputs(),
      .attrs = {ignore_label_attr()},
      .precision = Precision::always_f32,
      .infer = infer_loss,
      .not_differentiable = "it is always written as cross_entropy_totals and mean_loss, which are",
      .for_eval = lower,
      .for_train = lower,
      .parts = lower,
  };
  static const OpDef totals = {
      .name = "cross_entropy_totals",
      .doc =
          "The sums that cross_entropy averages. A label outside 0 to C - 1 that is not ignore_label is an "
          "error that gives its place.",
      .inputs = score_inputs(),
      .outputs = totals_outputs(),
      .attrs = {ignore_label_attr()},
      .precision = Precision::always_f32,
      .infer = infer_totals,
      .gradient = gradient_totals,
      .internal = true,
  };
  static const OpDef grad = {
      .name = "cross_entropy_grad",
      .doc =
          "Gradient of cross_entropy_totals: gtotals[0] (softmax(logits) - onehot(label)), 0 where ignored.",
      .inputs = {{.name = "gtotals", .doc = "f64 (2): gradient of totals; the count has none"},
                 score_inputs()[0],
                 score_inputs()[1]},
      .outputs = {{.name = "glogits", .doc = "gradient of logits"}},
      .attrs = {ignore_label_attr()},
      .precision = Precision::always_f32,
      .infer = infer_grad,
      .not_differentiable = "second derivatives are not offered",
      .in_place = {{0, 1}},
      .internal = true,
  };
  static const OpDef mean = {
      .name = "mean_loss",
      .doc = "totals[0]/totals[1]; 0 where nothing was counted.",
      .inputs = {{.name = "totals", .doc = "f64 (2): sum and count"}},
      .outputs = {{.name = "loss", .doc = "f32 scalar"}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_mean,
      .gradient = gradient_mean,
      .internal = true,
  };
  static const OpDef mean_grad = {
      .name = "mean_loss_grad",
      .doc = "Gradient of mean_loss by the sum; none by the count.",
      .inputs = {{.name = "gloss", .doc = "f32 scalar"}, {.name = "totals", .doc = "f64 (2): sum and count"}},
      .outputs = {{.name = "gtotals", .doc = "f64 (2): (gloss/count, 0); (0, 0) where nothing was counted"}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_mean_grad,
      .not_differentiable = "second derivatives are not offered",
      .internal = true,
  };
  return {&loss, &totals, &grad, &mean, &mean_grad};
}

}  // namespace graphrun::ops::cross_entropy
