#pragma once

#include <limits>

#include "ops/common/activation.h"
#include "runtime/model/op_def.h"

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

// i32 (N, H, W) for the images of `logits`, of any size.
inline Status require_label(const ValueType& label, const ValueType& logits) {
  GRAPHRUN_TRY(require_activation(logits, "logits"));
  GRAPHRUN_TRY(require_rank(label, 3, "label"));
  if (label.dtype != DType::i32) return {ErrorCode::shape, "label: expected i32, got " + to_string(label)};
  GRAPHRUN_TRY(require_positive(label.shape[1], "height of label"));
  GRAPHRUN_TRY(require_positive(label.shape[2], "width of label"));
  return require_equal(logits.shape[0], label.shape[0], "batch of label");
}

inline Status require_totals(const ValueType& type, std::string_view what) {
  if (type.dtype == DType::f64 && type.shape.size() == 1 && type.shape[0] == Dim(2)) return {};
  return {ErrorCode::shape, std::string(what) + ": expected f64 (2), got " + to_string(type)};
}

// Of totals and confusion.
inline std::vector<ValueType> totals_types(const ValueType& logits) {
  return {ValueType::dense(DType::f64, {2}),
          ValueType::dense(DType::i64, {logits.shape[1], logits.shape[1]})};
}

}  // namespace graphrun::ops::cross_entropy
