#pragma once

#include <limits>

#include "graphrun/kernel/op_def.h"
#include "ops/common/definition.h"

// Types that cross entropy at full size and from small logits (resize_cross_entropy) have in common.
namespace graphrun::ops::cross_entropy {

inline AttrSpec ignore_label_attr() {
  return {.name = "ignore_label",
          .kind = AttrKind::integer,
          .doc = "pixels with this label count nowhere",
          .fallback = AttrValue(Expr(255)),
          .min = std::numeric_limits<std::int32_t>::min(),
          .max = std::numeric_limits<std::int32_t>::max()};
}

inline AttrSpec label_smoothing_attr() {
  return {.name = "label_smoothing",
          .kind = AttrKind::real,
          .doc = "share of the target that all classes have alike, the rest being the label's",
          .fallback = AttrValue(Expr(0.0)),
          .min = 0,
          .max = 1};
}
// Attributes that the sums of a loss and their gradient share.
inline std::vector<AttrSpec> pixel_loss_attrs() {
  return {ignore_label_attr(),
          label_smoothing_attr(),
          {.name = "focus",
           .kind = AttrKind::real,
           .doc = "gamma of focal loss; label_smoothing has no effect where it is not 0",
           .fallback = AttrValue(Expr(0.0)),
           .min = 0,
           .max = 100}};
}
// Those of a node's attributes that say what a pixel counts.
inline AttrMap pick_pixel_loss(const AttrMap& attrs) {
  return pick_attrs(attrs, {"ignore_label", "label_smoothing", "focus"});
}

inline constexpr OperandType kLabels = OperandType::dense(DType::i32, 3);  // (N, H, W)
inline constexpr OperandType kTotals = OperandType::dense(DType::f64, 1);  // (2)

// Labels of any size for the images of `logits`.
inline Status require_label(const ValueType& label, const ValueType& logits) {
  return require_equal(logits.shape[0], label.shape[0], "batch of label");
}

// A weight for each class of `logits`; may be null.
inline Status require_class_weights(const ValueType* weights, const ValueType& logits) {
  return weights == nullptr ? Status() : require_shape(*weights, {logits.shape[1]}, "class_weights");
}

// require_label(), and a label for every pixel of `logits`.
inline Status require_label_pixels(const ValueType& label, const ValueType& logits) {
  GRAPHRUN_TRY(require_label(label, logits));
  GRAPHRUN_TRY(require_equal(logits.shape[2], label.shape[1], "height of label"));
  return require_equal(logits.shape[3], label.shape[2], "width of label");
}

inline Status require_totals(const ValueType& type, std::string_view what) {
  return require_shape(type, {2}, what);
}

inline const std::vector<InputSpec>& score_inputs() {
  static const std::vector<InputSpec> inputs = {
      {.name = "logits", .doc = "activation (N, C, H, W)"},
      {.name = "label", .doc = "i32 (N, H, W): classes 0 to C - 1, or ignore_label", .type = kLabels}};
  return inputs;
}
inline InputSpec class_weights_input() {
  return {.name = "class_weights",
          .doc = "f32 (C): what a pixel of each class counts; 1 where absent",
          .type = OperandType::dense(DType::f32, 1),
          .optional = true};
}
// The pixels that count, for an op whose input 1 is the label.
inline InputSpec counted_input() {
  return {.name = "counted",
          .doc =
              "i32 (N, H, W): label, with ignore_label on pixels that are left out of totals but not of "
              "confusion; label where absent",
          .type = OperandType::same_as(1),
          .optional = true};
}
inline std::vector<OutputSpec> totals_outputs() {
  return {
      {.name = "totals",
       .doc = "f64 (2): sum of the pixels' weighted losses, sum of w, over the counted pixels, where w is "
              "the weight of the label's class",
       .type = kTotals,
       .reduction = Reduction::loss},
      {.name = "confusion",
       .doc = "i64 (C, C): valid pixels by label (row) and predicted class (column)",
       .type = OperandType::dense(DType::i64, 2),
       .optional = true}};
}

// Types of the outputs totals and confusion.
inline std::vector<ValueType> totals_types(const ValueType& logits) {
  return {ValueType::dense(DType::f64, {2}),
          ValueType::dense(DType::i64, {logits.shape[1], logits.shape[1]})};
}

// Which pixels are hard: attributes threshold, min_kept, min_share.
std::vector<AttrSpec> mining_attrs();
// The weights of the classes of `logits` in the method train: one input for all losses of a model. kNoValue
// elsewhere, and for a loss over other classes.
ValueId class_weights_of(ValueId logits, GraphWriter& graph);
// The loss of hard pixels or of all as the method train has it: mean, totals, confusion. Attributes as
// cross_entropy's, and focus.
std::vector<ValueId> write_training_loss(const Node& node, const AttrMap& pixel_loss, GraphWriter& graph);
// Writes the loss of all pixels, without weights, as the method eval has it.
std::vector<ValueId> write_loss(const Node& node, const AttrMap& pixel_loss, GraphWriter& graph);
Status infer_loss(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs);
std::vector<OutputSpec> loss_outputs();
// ohem and the attributes of hard pixels.
std::vector<AttrSpec> hard_pixel_attrs();
// Definitions of definition_ohem.cpp and definition_focal.cpp.
std::vector<const OpDef*> ohem_definitions();
std::vector<const OpDef*> focal_definitions();

}  // namespace graphrun::ops::cross_entropy
