#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

// CPU kernels that cpu_training.cpp lists.
namespace graphrun::ops::batch_norm {

Result<std::unique_ptr<Kernel>> prepare_grad_sums(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_grad_apply(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_eval_grad(const KernelRequest& request);

// Pixels of one piece of work: enough elements to pay for starting it.
constexpr std::int64_t pixel_grain(std::int64_t channels) {
  constexpr std::int64_t kElements = 1 << 15;
  return channels < kElements ? kElements / channels : 1;
}

}  // namespace graphrun::ops::batch_norm
