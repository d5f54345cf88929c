#include "ops/common/definition.h"
#include "ops/region_loss/label_sums.h"

// The loss of a branch that finds boundaries between classes, and labels made from such boundaries.
namespace graphrun::ops::boundary {
namespace {

using cross_entropy::ignore_label_attr;
using cross_entropy::kLabels;

constexpr OperandType kTotals = OperandType::dense(DType::f64, 1);

Status require_one_channel(const ValueType& logits, const ValueType&) {
  return require_equal(1, logits.shape[1], "channels of logits");
}
std::vector<ValueType> totals_types(const ValueType&) { return {ValueType::dense(DType::f64, {4})}; }

Status infer_labels(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

Status infer_select(const Attributes& attrs, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_one_channel(*inputs[1], *inputs[0]));
  GRAPHRUN_TRY(cross_entropy::require_label_pixels(*inputs[0], *inputs[1]));
  return infer_labels(attrs, inputs, outputs);
}

Status infer_loss(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_one_channel(*inputs[0], *inputs[1]));
  GRAPHRUN_TRY(cross_entropy::require_label_pixels(*inputs[1], *inputs[0]));
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}

Status infer_function(const Attributes&, std::span<const ValueType* const> inputs,
                      std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_shape(*inputs[0], {4}, "totals"));
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}

Status infer_function_grad(const Attributes&, std::span<const ValueType* const> inputs,
                           std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_shape(*inputs[1], {4}, "totals"));
  outputs = {*inputs[1]};
  return {};
}

std::vector<ValueId> gradient_of_function(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("boundary_loss_grad", {request.output_gradients[0], request.node.inputs[0]}, {}, "grad");
}

std::vector<ValueId> write(const Node& node, GraphWriter& graph) {
  const ValueId target = graph.add("label_boundary", {node.inputs[1]},
                                   pick_attrs(node.attrs, {"ignore_label", "width"}), "target")[0];
  const std::vector<ValueId> totals = graph.add("boundary_totals", {node.inputs[0], target},
                                                pick_attrs(node.attrs, {"ignore_label"}), "totals");
  return graph.add("boundary_loss", {totals[0]}, {}, "loss");
}

AttrSpec width_attr() {
  return {.name = "width",
          .kind = AttrKind::integer,
          .doc = "pixels across a boundary between two large regions",
          .fallback = AttrValue(Expr(4)),
          .min = 1,
          .max = 256};
}
AttrSpec threshold_attr() {
  return {.name = "threshold",
          .kind = AttrKind::real,
          .doc = "smallest probability of a boundary",
          .fallback = AttrValue(Expr(0.8)),
          .min = 0,
          .max = 1};
}

InputSpec label_input() {
  return {.name = "label", .doc = "i32 (N, H, W): classes, or ignore_label", .type = kLabels};
}
InputSpec score_input(std::string_view name) {
  return {.name = name, .doc = "activation (N, 1, H, W): logits of a boundary"};
}

std::vector<const OpDef*> label_definitions() {
  static const OpDef boundary = {
      .name = "label_boundary",
      .doc =
          "Boundaries of a label map: 1 where the square of width + 1 pixels around a pixel has a pixel of "
          "another class, from width/2 (rounded up) rows and columns before it on; 0 elsewhere. Ignored "
          "pixels stay ignored, and make no boundary.",
      .inputs = {label_input()},
      .outputs = {{.name = "boundary", .doc = "i32 (N, H, W): 1, 0 or ignore_label", .type = kLabels}},
      .attrs = {ignore_label_attr(), width_attr()},
      .infer = infer_labels,
      .not_differentiable = "its values are integers",
  };
  static const OpDef select = {
      .name = "select_label",
      .doc =
          "The labels of pixels where the probability of a boundary, sigmoid(score), is more than threshold; "
          "ignore_label elsewhere.",
      .inputs = {label_input(), score_input("score")},
      .outputs = {{.name = "selected", .doc = "i32 (N, H, W)", .type = kLabels}},
      .attrs = {ignore_label_attr(), threshold_attr()},
      .infer = infer_select,
      .not_differentiable = "it only selects pixels",
  };
  return {&boundary, &select};
}

std::vector<const OpDef*> function_definitions() {
  static const region_loss::LossOfSums function = region_loss::make_loss_of_sums(
      {.loss = "boundary_loss",
       .loss_doc =
           "Of the sums over pixels on boundaries and off them: (off sum_on + on sum_off)/(on + off)^2.",
       .grad = "boundary_loss_grad",
       .grad_doc = "Gradient of boundary_loss by the sums; none by the counts.",
       .gtotals_doc = "f64 (4)"},
      {{.name = "totals", .doc = "f64 (4): see boundary_totals", .type = kTotals}}, {}, infer_function,
      infer_function_grad, gradient_of_function);
  return {&function.loss, &function.grad};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef loss = {
      .name = "boundary",
      .doc =
          "The boundary loss of PIDNet (Xu, Xiong, Bhattacharyya 2023, arXiv:2206.02066): binary cross "
          "entropy of the logits with the boundaries of the label map (label_boundary), averaged over the "
          "pixels of all ranks that are not ignored, where pixels on boundaries weigh the share of the "
          "others, and the others theirs.",
      .inputs = {score_input("logits"), label_input()},
      .outputs = {{.name = "loss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)}},
      .attrs = {ignore_label_attr(), width_attr()},
      .precision = Precision::always_f32,
      .infer = infer_loss,
      .not_differentiable = "it is always written as sums and a function of them",
      .for_eval = write,
      .for_train = write,
  };
  static const region_loss::LabelSums sums = region_loss::make_label_sums<totals_types, require_one_channel>(
      {"boundary_totals", "boundary_grad", "resize_boundary_totals", "resize_boundary_grad"},
      "The sums that boundary is a function of.",
      {.name = "label",
       .doc = "i32 (N, H, W): 1 on a boundary, 0 elsewhere, or ignore_label",
       .type = kLabels},
      {{.name = "totals",
        .doc = "f64 (4): sum of -log p over the pixels on boundaries, sum of -log(1 - p) over the others, "
               "their counts",
        .type = kTotals,
        .reduction = Reduction::loss}});
  std::vector<const OpDef*> all{&loss, &sums.totals, &sums.grad, &sums.resize_totals, &sums.resize_grad};
  append(all, label_definitions());
  append(all, function_definitions());
  return all;
}

}  // namespace graphrun::ops::boundary
