#pragma once

#include "graphrun/kernel/kernel.h"
#include "runtime/cuda/device.h"

namespace graphrun::ops {

// Kernels of the GPU's backend are asked with the GPU's context.
inline cuda::Device& device_of(const KernelRequest& request) {
  return static_cast<cuda::Device&>(*request.device);
}

}  // namespace graphrun::ops
