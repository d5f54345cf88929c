#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

// The GPU's kernels of this room; cuda.cu lists them.
namespace graphrun::ops::attention {

Result<std::unique_ptr<Kernel>> prepare_cuda_forward(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_cuda_backward(const KernelRequest& request);

}  // namespace graphrun::ops::attention
