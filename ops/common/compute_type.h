#pragma once

#include "graphrun/kernel/kernel.h"

// Kernels that compute in float and store activations as float or BFloat16.
namespace graphrun::ops {

// prepare(T()) where T is the element type of all activations of the request; declined where they differ or
// have another type.
template <class Prepare>
Result<std::unique_ptr<Kernel>> for_activation_type(const KernelRequest& request, const Prepare& prepare) {
  bool any[2] = {};
  for (const auto* descs : {&request.inputs, &request.outputs}) {
    for (const TensorDesc& desc : *descs) {
      if (desc.layout != Layout::nhwc || !is_real(desc.dtype)) continue;
      if (desc.dtype != DType::f32 && desc.dtype != DType::bf16)
        return {ErrorCode::declined, "stores f32 or bf16, got " + std::string(to_string(desc.dtype))};
      any[desc.dtype == DType::bf16] = true;
    }
  }
  if (any[0] && any[1]) return {ErrorCode::declined, "activations differ in their type"};
  return any[1] ? prepare(BFloat16()) : prepare(float());
}

}  // namespace graphrun::ops
