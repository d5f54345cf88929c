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

// Rank 4 in NHWC memory, real, not empty.
inline Status require_activation(const ValueType& type, std::string_view what) {
  GRAPHRUN_TRY(require_rank(type, 4, what));
  if (type.layout != Layout::nhwc || !is_real(type.dtype))
    return {ErrorCode::shape, std::string(what) + ": expected an activation, got " + to_string(type)};
  for (const Dim& extent : type.shape) GRAPHRUN_TRY(require_positive(extent, what));
  return {};
}

// A kernel's first question: are all real tensors f32?
inline Status require_f32(const KernelRequest& request) {
  for (const auto* descs : {&request.inputs, &request.outputs}) {
    for (const TensorDesc& desc : *descs) {
      if (desc.dtype == DType::bf16 || desc.dtype == DType::f16)
        return {ErrorCode::declined, "computes in f32 only, got " + std::string(to_string(desc.dtype))};
    }
  }
  return {};
}

}  // namespace graphrun::ops
