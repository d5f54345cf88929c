#include "graphrun/kernel/op_def.h"
#include "ops/cross_entropy/names.h"
#include "ops/cross_entropy/types.h"

namespace graphrun::ops::cross_entropy {
namespace {

Status infer_totals(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_label_pixels(*inputs[1], *inputs[0]));
  GRAPHRUN_TRY(require_class_weights(inputs[2], *inputs[0]));
  outputs = totals_types(*inputs[0]);
  return {};
}

Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_totals(*inputs[0], "gtotals"));
  GRAPHRUN_TRY(require_label_pixels(*inputs[2], *inputs[1]));
  GRAPHRUN_TRY(require_class_weights(inputs[3], *inputs[1]));
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
  GRAPHRUN_TRY(require_totals(*inputs[1], "totals"));
  outputs = {*inputs[1]};
  return {};
}

std::vector<ValueId> with_mean(std::vector<ValueId> totals, GraphWriter& graph) {
  return {graph.add("mean_loss", {totals[0]}, {}, "mean")[0], totals[0], totals[1]};
}

std::vector<ValueId> in_evaluation(const Node& node, GraphWriter& graph) {
  return write_loss(node, pick_pixel_loss(node.attrs), graph);
}

std::vector<ValueId> in_training(const Node& node, GraphWriter& graph) {
  return write_training_loss(node, pick_pixel_loss(node.attrs), graph);
}

std::vector<ValueId> gradient_totals(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  const ValueId counted = node.inputs[3];
  std::vector<ValueId> gradients(node.inputs.size(), kNoValue);
  gradients[0] = graph.add(kGradOp,
                           {request.output_gradients[0], node.inputs[0],
                            counted == kNoValue ? node.inputs[1] : counted, node.inputs[2]},
                           node.attrs, "grad")[0];
  return gradients;
}

std::vector<ValueId> gradient_mean(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("mean_loss_grad", {request.output_gradients[0], request.node.inputs[0]}, {}, "grad");
}

std::vector<AttrSpec> loss_attrs() {
  std::vector<AttrSpec> attrs{ignore_label_attr(), label_smoothing_attr()};
  append(attrs, hard_pixel_attrs());
  return attrs;
}

}  // namespace

ValueId class_weights_of(ValueId logits, GraphWriter& graph) {
  const ValueType type = ValueType::dense(DType::f32, {graph.type(logits).shape[1]});
  const ValueId weights = graph.input("class_weights", type);
  return weights != kNoValue && graph.type(weights).shape == type.shape ? weights : kNoValue;
}

Status infer_loss(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_label_pixels(*inputs[1], *inputs[0]));
  outputs = totals_types(*inputs[0]);
  outputs.insert(outputs.begin(), ValueType::dense(DType::f32, {}));
  return {};
}

std::vector<ValueId> write_loss(const Node& node, const AttrMap& pixel_loss, GraphWriter& graph) {
  return with_mean(
      graph.add(kTotalsOp, {node.inputs[0], node.inputs[1], kNoValue, kNoValue}, pixel_loss, "totals"),
      graph);
}

std::vector<ValueId> write_training_loss(const Node& node, const AttrMap& pixel_loss, GraphWriter& graph) {
  const ValueId logits = node.inputs[0];
  const ValueId label = node.inputs[1];
  const ValueId weights = class_weights_of(logits, graph);
  ValueId counted = kNoValue;
  if (is_set(node.attrs, "ohem")) {
    const AttrMap ignore = pick_attrs(node.attrs, {"ignore_label"});
    const ValueId probability = graph.add(kLabelProbabilityOp, {logits, label}, ignore, "probability")[0];
    counted =
        graph.add("hard_label", {label, probability},
                  pick_attrs(node.attrs, {"ignore_label", "threshold", "min_kept", "min_share"}), "hard")[0];
  }
  return with_mean(graph.add(kTotalsOp, {logits, label, weights, counted}, pixel_loss, "totals"), graph);
}

std::vector<OutputSpec> loss_outputs() {
  std::vector<OutputSpec> outputs = totals_outputs();
  outputs.insert(outputs.begin(), OutputSpec{.name = "loss",
                                             .doc = "f32 scalar: totals[0]/totals[1]; 0 where nothing counts",
                                             .type = OperandType::scalar(DType::f32)});
  return outputs;
}

std::vector<const OpDef*> definitions() {
  static const OpDef loss = {
      .name = "cross_entropy",
      .doc =
          "Softmax cross entropy, averaged over the pixels that are not ignored (over all ranks), and the "
          "confusion matrix of this batch. In training the average is weighted by class: sum of w * -log p "
          "over sum of w, where w is the weight of a pixel's label; the weights are the input "
          "class_weights, which the method train then has, f32 (C), one for all losses over as many "
          "classes. With label_smoothing e, w * -log p of a pixel is (1 - e) w * -log p + e/C sum over all "
          "classes of w * -log p (Szegedy et al. 2016, arXiv:1512.00567), still over sum of w of the "
          "labels. With ohem, in training, only hard pixels count: see hard_label.",
      .inputs = score_inputs(),
      .outputs = loss_outputs(),
      .attrs = loss_attrs(),
      .precision = Precision::always_f32,
      .infer = infer_loss,
      .not_differentiable = "it is always written as cross_entropy_totals and mean_loss, which are",
      .for_eval = in_evaluation,
      .for_train = in_training,
  };
  static const OpDef totals = {
      .name = kTotalsOp,
      .doc =
          "The sums that cross_entropy and focal average. A label outside 0 to C - 1 that is not "
          "ignore_label is an error that gives its place.",
      .inputs = {score_inputs()[0], score_inputs()[1], class_weights_input(), counted_input()},
      .outputs = totals_outputs(),
      .attrs = pixel_loss_attrs(),
      .precision = Precision::always_f32,
      .infer = infer_totals,
      .gradient = gradient_totals,
      .role = OpRole::pixel_loss_totals,
      .reads_pixels = true,
      .internal = true,
  };
  static const OpDef grad = {
      .name = kGradOp,
      .doc =
          "Gradient of cross_entropy_totals: gtotals[0] * w * (softmax(logits) - onehot(label)) where "
          "label_smoothing and focus are 0, and 0 where ignored.",
      .inputs = {{.name = "gtotals",
                  .doc = "f64 (2): gradient of totals; the sum of weights has none",
                  .type = kTotals},
                 score_inputs()[0],
                 score_inputs()[1],
                 class_weights_input()},
      .outputs = {{.name = "glogits", .doc = "gradient of logits"}},
      .attrs = pixel_loss_attrs(),
      .infer = infer_grad,
      .not_differentiable = kGradientOnce,
      .in_place = {{0, 1}},
      .internal = true,
  };
  static const OpDef mean = {
      .name = "mean_loss",
      .doc = "totals[0]/totals[1]; 0 where nothing was counted.",
      .inputs = {{.name = "totals", .doc = "f64 (2): weighted sum, sum of weights", .type = kTotals}},
      .outputs = {{.name = "loss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_mean,
      .gradient = gradient_mean,
      .internal = true,
  };
  static const OpDef mean_grad = {
      .name = "mean_loss_grad",
      .doc = "Gradient of mean_loss by the sum; none by the count.",
      .inputs = {{.name = "gloss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)},
                 {.name = "totals", .doc = "f64 (2): weighted sum, sum of weights", .type = kTotals}},
      .outputs = {{.name = "gtotals",
                   .doc = "f64 (2): (gloss/count, 0); (0, 0) where nothing was counted",
                   .type = kTotals}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_mean_grad,
      .not_differentiable = kGradientOnce,
      .internal = true,
  };
  std::vector<const OpDef*> all{&loss, &totals, &grad, &mean, &mean_grad};
  append(all, ohem_definitions());
  append(all, focal_definitions());
  return all;
}

}  // namespace graphrun::ops::cross_entropy
