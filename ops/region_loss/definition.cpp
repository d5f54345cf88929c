#include "ops/common/definition.h"
#include "ops/region_loss/types.h"

// Dice and Tversky losses: of the overlap of what is predicted with what is labelled.
namespace graphrun::ops::region_loss {
namespace {

constexpr OperandType kTotals = OperandType::dense(DType::f64, 2);

Status require_totals(const Attributes&, std::span<const ValueType* const> inputs, std::size_t totals) {
  const ValueType& type = *inputs[totals];
  GRAPHRUN_TRY(require_shape(type, {kSums, type.shape[1]}, "totals"));
  const ValueType* weights = inputs[totals + 1];
  return weights == nullptr ? Status() : require_shape(*weights, {type.shape[1]}, "class_weights");
}

Status infer_loss(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_totals(attrs, inputs, 0));
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}

Status infer_grad(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_totals(attrs, inputs, 1));
  outputs = {*inputs[1]};
  return {};
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  return {graph.add("region_loss_grad", {request.output_gradients[0], node.inputs[0], node.inputs[1]},
                    node.attrs, "grad")[0],
          kNoValue};
}

AttrMap loss_attrs(const Node& node) {
  AttrMap attrs = pick_attrs(node.attrs, {"alpha", "beta", "gamma", "smooth"});
  if (node.op == "dice") attrs["alpha"] = attrs["beta"] = AttrValue(Expr(0.5));
  return attrs;
}
std::vector<ValueId> in_evaluation(const Node& node, GraphWriter& graph) {
  return write_region_loss(node, "region_totals", "region_loss", loss_attrs(node), kNoValue, graph);
}
std::vector<ValueId> in_training(const Node& node, GraphWriter& graph) {
  return write_region_loss(node, "region_totals", "region_loss", loss_attrs(node),
                           cross_entropy::class_weights_of(node.inputs[0], graph), graph);
}

AttrSpec real_attr(std::string_view name, std::string_view doc, double fallback, double max = 1e6) {
  return {.name = name,
          .kind = AttrKind::real,
          .doc = doc,
          .fallback = AttrValue(Expr(fallback)),
          .min = 0,
          .max = max};
}
AttrSpec smooth_attr() { return real_attr("smooth", "is added above and below the line", 0); }
std::vector<AttrSpec> tversky_attrs(double fallback) {
  return {real_attr("alpha", "what counts predicted without being labelled", fallback),
          real_attr("beta", "what counts labelled without being predicted", fallback),
          real_attr("gamma", "exponent of the average (Abraham, Khan 2018, arXiv:1810.07842)", 1, 100),
          smooth_attr()};
}
std::vector<AttrSpec> with_ignore_label(std::vector<AttrSpec> attrs) {
  attrs.insert(attrs.begin(), cross_entropy::ignore_label_attr());
  return attrs;
}
std::vector<AttrSpec> function_attrs() { return tversky_attrs(0.5); }

// A class without a labelled pixel counts 0, as segmentation_models_pytorch has it.
constexpr std::string_view kDiceDoc =
    "Dice loss (Milletari, Navab, Ahmadi 2016, arXiv:1606.04797) of the softmax: the average over classes of "
    "1 - (TP + smooth)/(TP + FP/2 + FN/2 + smooth), where TP is the sum of p over the pixels of the class, "
    "FP over the others, FN that of 1 - p over the pixels of the class; sums are over all pixels of all "
    "ranks that are not ignored. A class without a labelled pixel counts 0. The average is weighted by the "
    "weights of classes in training (class_weights; see cross_entropy).";
constexpr std::string_view kTverskyDoc =
    "Tversky loss (Salehi, Erdogmus, Gholipour 2017, arXiv:1706.05721) of the softmax: with a the average "
    "over classes of 1 - (TP + smooth)/(TP + alpha FP + beta FN + smooth), it is a^gamma. TP, FP, FN, "
    "classes without a labelled pixel and weights of classes are as dice has them.";

OpDef make_loss(std::string_view name, std::string_view doc, std::vector<AttrSpec> attrs) {
  return {.name = name,
          .doc = doc,
          .inputs = cross_entropy::score_inputs(),
          .outputs = region_outputs(),
          .attrs = with_ignore_label(std::move(attrs)),
          .precision = Precision::always_f32,
          .infer = infer_region_loss,
          .not_differentiable = kWrittenAsSums,
          .for_eval = in_evaluation,
          .for_train = in_training};
}

std::vector<const OpDef*> function_definitions() {
  static const LossOfSums function = make_loss_of_sums(
      {.loss = "region_loss",
       .loss_doc =
           "Of the sums TP, TP + FP and TP + FN of each class: a^gamma, with a the weighted average over "
           "classes of 1 - (TP + smooth)/(TP + alpha FP + beta FN + smooth), 0 where no "
           "pixel is labelled so.",
       .grad = "region_loss_grad",
       .grad_doc = "Gradient of region_loss by the sums; none by counts.",
       .gtotals_doc = "f64 (3, C)"},
      {{.name = "totals", .doc = "f64 (3, C): see region_totals", .type = kTotals},
       cross_entropy::class_weights_input()},
      function_attrs(), infer_loss, infer_grad, gradient);
  return {&function.loss, &function.grad};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef dice = make_loss("dice", kDiceDoc, {smooth_attr()});
  static const OpDef tversky = make_loss("tversky", kTverskyDoc, tversky_attrs(0.5));
  static const LabelSums sums = make_label_sums<overlap_types>(
      {"region_totals", "region_grad", "resize_region_totals", "resize_region_grad"},
      "The sums that dice and tversky are functions of, from the softmax of the logits.",
      cross_entropy::score_inputs()[1],
      sums_outputs("f64 (3, C): sums of p over the pixels of the class (TP) and over all (TP + FP), count of "
                   "the pixels of the class (TP + FN)",
                   2));
  std::vector<const OpDef*> all{
      &dice, &tversky, &sums.totals, &sums.grad, &sums.resize_totals, &sums.resize_grad};
  append(all, function_definitions());
  append(all, lovasz_definitions());
  return all;
}

}  // namespace graphrun::ops::region_loss
