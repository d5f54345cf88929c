#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

// The GPU kernels of this room's files.
namespace graphrun::ops::batch_norm {

Result<std::unique_ptr<Kernel>> prepare_cuda_moments(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_cuda_apply(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_cuda_eval(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_cuda_grad_sums(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_cuda_grad_apply(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_cuda_eval_grad(const KernelRequest& request);

}  // namespace graphrun::ops::batch_norm
