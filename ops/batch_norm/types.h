#pragma once

#include "ops/common/activation.h"
#include "ops/common/definition.h"

// What the definitions of this room ask of their inputs.
namespace graphrun::ops::batch_norm {

// f32 (C) for an activation of C channels.
inline Status require_per_channel(const ValueType* type, const Dim& channels, std::string_view what) {
  return require_dense(*type, DType::f32, {channels}, what);
}
inline ValueType per_channel(const Dim& channels) { return ValueType::dense(DType::f32, {channels}); }

// f64 (3, C): sums that ranks add up.
inline ValueType channel_sums(const Dim& channels) { return ValueType::dense(DType::f64, {3, channels}); }

inline AttrSpec activation_attr() {
  return {.name = "activation",
          .kind = AttrKind::text,
          .doc = "applied last, after the residual is added",
          .fallback = "none",
          .choices = {"none", "relu"}};
}
inline AttrSpec eps_attr() {
  return {.name = "eps",
          .kind = AttrKind::real,
          .doc = "added to the variance",
          .fallback = Expr(1e-5),
          .min = 0};
}
inline AttrSpec momentum_attr() {
  return {.name = "momentum",
          .kind = AttrKind::real,
          .doc = "part of the running statistics that a batch replaces",
          .fallback = Expr(0.1),
          .min = 0,
          .max = 1};
}

inline InputSpec x_input() { return {.name = "x", .doc = "any activation (N, C, H, W)"}; }
inline InputSpec residual_input() {
  return {.name = "residual", .doc = "of the shape of x, added before the activation", .optional = true};
}

// Definitions of the room's other files.
std::vector<const OpDef*> forward_definitions();
std::vector<const OpDef*> gradient_definitions();

}  // namespace graphrun::ops::batch_norm
