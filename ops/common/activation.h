#pragma once

#include "graphrun/kernel/kernel.h"
#include "graphrun/kernel/op_def.h"

// What ops on activations ask of their inputs, when they are inferred and when a kernel is prepared.
namespace graphrun::ops {

// An extent must be at least 1 where it is known: an empty tensor has no average, no maximum and no corners.
inline Status require_positive(const Dim& extent, std::string_view what) {
  if (extent.valid() && (!extent.is_constant() || extent.constant() >= 1)) return {};
  return {ErrorCode::shape, std::string(what) + ": expected at least 1, got " + to_string(extent)};
}

// A kernel's first question: are all activations f32?
inline Status require_f32(const KernelRequest& request) {
  GRAPHRUN_ASSIGN(const DType type, activation_type(request));
  if (type == DType::f32) return {};
  return {ErrorCode::declined, "computes in f32 only, got " + std::string(to_string(type))};
}

}  // namespace graphrun::ops
