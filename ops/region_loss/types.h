#pragma once

#include "ops/region_loss/bins.h"
#include "ops/region_loss/label_sums.h"

// What losses of regions have in common: those that compare, for each class, the pixels that are predicted
// with those that are labelled, over all pixels of all ranks.
namespace graphrun::ops::region_loss {

// Sums over the pixels that are not ignored, f64, by class.
enum Sums : int {
  kOverlap,    // of p, over the pixels with this label
  kPredicted,  // of p
  kLabelled,   // count of the pixels with this label
  kSums
};
// Sums of lovasz_softmax, by class and bin of errors (bins.h). An error is 1 - p in a pixel with this
// label, and p in the others.
enum ErrorSums : int {
  kHitCount,   // of errors of pixels with this label
  kMissCount,  // of the others
  kHitSum,     // of these errors
  kMissSum,
  kErrorSums
};

inline std::vector<ValueType> with_confusion(ValueType totals, const ValueType& logits) {
  return {std::move(totals), ValueType::dense(DType::i64, {logits.shape[1], logits.shape[1]})};
}
inline std::vector<ValueType> overlap_types(const ValueType& logits) {
  return with_confusion(ValueType::dense(DType::f64, {kSums, logits.shape[1]}), logits);
}
inline std::vector<ValueType> error_types(const ValueType& logits) {
  return with_confusion(ValueType::dense(DType::f64, {kErrorSums, logits.shape[1], kErrorBins}), logits);
}

inline std::vector<OutputSpec> sums_outputs(std::string_view doc, int rank) {
  return {{.name = "totals",
           .doc = doc,
           .type = OperandType::dense(DType::f64, rank),
           .reduction = Reduction::loss},
          {.name = "confusion",
           .doc = "i64 (C, C): valid pixels by label (row) and predicted class (column)",
           .type = OperandType::dense(DType::i64, 2),
           .optional = true}};
}

// Outputs of a loss that a graph may have.
inline std::vector<OutputSpec> region_outputs() {
  return {{.name = "loss", .doc = "f32 scalar", .type = OperandType::scalar(DType::f32)},
          {.name = "confusion",
           .doc = "i64 (C, C): valid pixels by label (row) and predicted class (column)",
           .type = OperandType::dense(DType::i64, 2),
           .optional = true}};
}
inline Status infer_region_loss(const Attributes&, std::span<const ValueType* const> inputs,
                                std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(cross_entropy::require_label_pixels(*inputs[1], *inputs[0]));
  outputs = with_confusion(ValueType::dense(DType::f32, {}), *inputs[0]);
  return {};
}
inline constexpr std::string_view kWrittenAsSums = "it is always written as sums and a function of them";

// Such a loss as sums and a function of them: `loss` of the sums and of the weights of classes.
inline std::vector<ValueId> write_region_loss(const Node& node, std::string_view totals_op,
                                              std::string_view loss_op, AttrMap loss_attrs, ValueId weights,
                                              GraphWriter& graph) {
  const std::vector<ValueId> totals =
      graph.add(totals_op, node.inputs, pick_attrs(node.attrs, {"ignore_label"}), "totals");
  return {graph.add(loss_op, {totals[0], weights}, std::move(loss_attrs), "loss")[0], totals[1]};
}

// Definitions of definition_lovasz.cpp.
std::vector<const OpDef*> lovasz_definitions();

}  // namespace graphrun::ops::region_loss
