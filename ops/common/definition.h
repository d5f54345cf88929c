#pragma once

#include <initializer_list>
#include <iterator>
#include <vector>

#include "graphrun/kernel/op_def.h"

// What definitions of several rooms share.
namespace graphrun::ops {

inline constexpr std::string_view kGradientOnce = "the gradient of a gradient is not taken";

// Element type, layout and extents. For what depends on attributes or on several inputs; that an input is of
// another input's type is declared (OperandType::same_as).
inline Status require_same_type(const ValueType& expected, const ValueType& actual, std::string_view what) {
  if (expected == actual) return {};
  return {ErrorCode::shape,
          std::string(what) + ": expected " + to_string(expected) + ", got " + to_string(actual)};
}

// Exactly these extents, of what else is as declared.
inline Status require_shape(const ValueType& actual, std::vector<Dim> shape, std::string_view what) {
  return require_same_type({actual.dtype, actual.layout, std::move(shape)}, actual, what);
}

template <class T>
void append(std::vector<T>& all, std::vector<T> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// Whether a boolean attribute of a graph's node, which is structural, is true.
inline bool is_set(const AttrMap& attrs, std::string_view name) {
  const auto found = attrs.find(name);
  const Expr* expr = found == attrs.end() ? nullptr : std::get_if<Expr>(&found->second);
  if (expr == nullptr) return false;
  const Result<Dim> value = evaluate_dim(*expr, [](std::string_view) { return std::optional<Number>(); });
  return value.ok() && value->is_constant() && value->constant() != 0;
}

// Those of a node's attributes that a node it is rewritten to has, too.
inline AttrMap pick_attrs(const AttrMap& attrs, std::initializer_list<std::string_view> names) {
  AttrMap picked;
  for (const std::string_view name : names) {
    if (const auto found = attrs.find(name); found != attrs.end()) picked.insert(*found);
  }
  return picked;
}

}  // namespace graphrun::ops
