#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

namespace graphrun::ops::attention {

// attention of bf16 where the CPU has units for products of such matrices.
Result<std::unique_ptr<Kernel>> prepare_tiles(const KernelRequest& request);

}  // namespace graphrun::ops::attention
