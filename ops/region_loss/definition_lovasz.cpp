#include "ops/region_loss/types.h"

// The Lovasz-Softmax loss: the intersection over union of each class, made continuous.
namespace graphrun::ops::region_loss {
namespace {

constexpr OperandType kTotals = OperandType::dense(DType::f64, 3);

Status require_totals(std::span<const ValueType* const> inputs, std::size_t totals) {
  const ValueType& type = *inputs[totals];
  GRAPHRUN_TRY(require_shape(type, {kErrorSums, type.shape[1], kErrorBins}, "totals"));
  const ValueType* weights = inputs[totals + 1];
  return weights == nullptr ? Status() : require_shape(*weights, {type.shape[1]}, "class_weights");
}

Status infer_loss(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_totals(inputs, 0));
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}

Status infer_grad(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_totals(inputs, 1));
  outputs = {*inputs[1]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  return {graph.add("lovasz_loss_grad", {request.output_gradients[0], node.inputs[0], node.inputs[1]}, {},
                    "grad")[0],
          kNoValue};
}

std::vector<ValueId> in_evaluation(const Node& node, GraphWriter& graph) {
  return write_region_loss(node, "lovasz_totals", "lovasz_loss", {}, kNoValue, graph);
}
std::vector<ValueId> in_training(const Node& node, GraphWriter& graph) {
  return write_region_loss(node, "lovasz_totals", "lovasz_loss", {},
                           cross_entropy::class_weights_of(node.inputs[0], graph), graph);
}

std::vector<const OpDef*> function_definitions() {
  static const LossOfSums function = make_loss_of_sums(
      {.loss = "lovasz_loss",
       .loss_doc =
           "lovasz_softmax of its sums. Errors of one bin count as equal: each gets what it would get on "
           "average if the pixels of the class came before, and after, the others.",
       .grad = "lovasz_loss_grad",
       .grad_doc = "Gradient of lovasz_loss by the sums of errors; none by the counts.",
       .gtotals_doc = "f64 (4, C, bins)"},
      {{.name = "totals", .doc = "f64 (4, C, bins): see lovasz_totals", .type = kTotals},
       cross_entropy::class_weights_input()},
      {}, infer_loss, infer_grad, gradient);
  return {&function.loss, &function.grad};
}

}  // namespace

std::vector<const OpDef*> lovasz_definitions() {
  static const OpDef lovasz = {
      .name = "lovasz_softmax",
      .doc =
          "The Lovasz-Softmax loss (Berman, Rannen Triki, Blaschko 2018, arXiv:1705.08790): the average over "
          "the classes that are labelled of the Lovasz extension of the Jaccard loss, over all pixels of all "
          "ranks that are not ignored. Errors are not sorted but counted in bins, each 1/256 of its value "
          "wide, so that ranks can add them up: losses differ by about 1e-6 from those of sorted errors. The "
          "average is weighted by the weights of classes in training (class_weights; see cross_entropy).",
      .inputs = cross_entropy::score_inputs(),
      .outputs = region_outputs(),
      .attrs = {cross_entropy::ignore_label_attr()},
      .precision = Precision::always_f32,
      .infer = infer_region_loss,
      .not_differentiable = kWrittenAsSums,
      .for_eval = in_evaluation,
      .for_train = in_training,
  };
  static const LabelSums sums = make_label_sums<error_types>(
      {"lovasz_totals", "lovasz_grad", "resize_lovasz_totals", "resize_lovasz_grad"},
      "Errors of the softmax, counted and summed by class and size: 1 - p in the pixels of the class, p in "
      "the "
      "others.",
      cross_entropy::score_inputs()[1],
      sums_outputs("f64 (4, C, bins): counts of errors in the pixels of the class and in the others, sums of "
                   "these errors",
                   3));
  std::vector<const OpDef*> all{&lovasz, &sums.totals, &sums.grad, &sums.resize_totals, &sums.resize_grad};
  append(all, function_definitions());
  return all;
}

}  // namespace graphrun::ops::region_loss
