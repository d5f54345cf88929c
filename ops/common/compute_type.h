#pragma once

#include "graphrun/bfloat16.h"
#include "graphrun/kernel/kernel.h"

// Kernels that compute in float and store activations as float or BFloat16.
namespace graphrun::ops {

// prepare(T()) where T is the element type of all activations of the request; what activation_type() declines
// is declined.
template <class Prepare>
Result<std::unique_ptr<Kernel>> for_activation_type(const KernelRequest& request, const Prepare& prepare) {
  GRAPHRUN_ASSIGN(const DType type, activation_type(request));
  if (type == DType::bf16) return prepare(BFloat16());
  return prepare(float());
}

}  // namespace graphrun::ops
