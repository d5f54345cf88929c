#pragma once

#include <initializer_list>

#include "graphrun/kernel/op_def.h"

// What definitions of several rooms share.
namespace graphrun::ops {

inline constexpr std::string_view kGradientOnce = "the gradient of a gradient is not taken";

inline Status require_same_shape(const ValueType& expected, const ValueType& actual, std::string_view what) {
  if (expected.layout == actual.layout && expected.shape == actual.shape) return {};
  return {ErrorCode::shape, std::string(what) + ": expected the shape of " + to_string(expected) + ", got " +
                                to_string(actual)};
}

// Dense, of exactly this type and these extents.
inline Status require_dense(const ValueType& actual, DType dtype, std::vector<Dim> shape,
                            std::string_view what) {
  const ValueType expected = ValueType::dense(dtype, std::move(shape));
  if (actual.layout == Layout::dense && actual.dtype == dtype && actual.shape == expected.shape) return {};
  return {ErrorCode::shape,
          std::string(what) + ": expected " + to_string(expected) + ", got " + to_string(actual)};
}

// A boolean that decides how a node is written must be known when the graph is compiled.
inline Status require_structural(const Attributes& attrs, std::string_view name) {
  if (attrs.dim(name).is_constant()) return {};
  return {ErrorCode::invalid_argument,
          "attribute \"" + std::string(name) +
              "\" decides what the graph is: only structural parameters may be in it"};
}
inline bool is_set(const AttrMap& attrs, std::string_view name) {
  const auto found = attrs.find(name);
  const Expr* expr = found == attrs.end() ? nullptr : std::get_if<Expr>(&found->second);
  if (expr == nullptr) return false;
  const Result<Dim> value = evaluate_dim(*expr, [](std::string_view) { return std::optional<Number>(); });
  return value.ok() && value->is_constant() && value->constant() != 0;
}

// An optional input at an op's end, which may not even be listed.
inline ValueId optional_input(const Node& node, std::size_t index) {
  return index < node.inputs.size() ? node.inputs[index] : kNoValue;
}
inline const ValueType* optional_input(std::span<const ValueType* const> inputs, std::size_t index) {
  return index < inputs.size() ? inputs[index] : nullptr;
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
