#pragma once

#include "ops/common/channel_norm.h"

// What the definitions of this room ask of their inputs.
namespace graphrun::ops::batch_norm {

// (C) for an activation of C channels.
inline Status require_per_channel(const ValueType* type, const Dim& channels, std::string_view what) {
  return require_shape(*type, {channels}, what);
}
inline constexpr OperandType kChannelSums = OperandType::dense(DType::f64, 2);
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
inline AttrSpec momentum_attr() {
  return {.name = "momentum",
          .kind = AttrKind::real,
          .doc = "part of the running statistics that a batch replaces",
          .fallback = Expr(0.1),
          .min = 0,
          .max = 1};
}

inline InputSpec x_input() { return {.name = "x", .doc = "any activation (N, C, H, W)"}; }
// The residual of an op whose first input is x.
inline InputSpec residual_input() {
  return {.name = "residual",
          .doc = "of the shape of x, added before the activation",
          .type = OperandType::same_as(0),
          .optional = true};
}
inline InputSpec channel_input(std::string_view name, std::string_view doc, bool frozen = false) {
  return {.name = name, .doc = doc, .type = kPerChannel, .frozen = frozen};
}

// Definitions of the room's other files.
std::vector<const OpDef*> forward_definitions();
std::vector<const OpDef*> gradient_definitions();

}  // namespace graphrun::ops::batch_norm
