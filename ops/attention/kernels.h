#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

// The kernels of this room; cpu.cpp and cuda.cu list them.
namespace graphrun::ops::attention {

Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_cuda_forward(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_cuda_backward(const KernelRequest& request);

}  // namespace graphrun::ops::attention
