#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

// The kernels of cpu_ohem.cpp.
namespace graphrun::ops::cross_entropy {

Result<std::unique_ptr<Kernel>> prepare_probability(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_hard_label(const KernelRequest& request);

}  // namespace graphrun::ops::cross_entropy
