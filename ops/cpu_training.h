#pragma once

#include "graphrun/kernel/op_library.h"

namespace graphrun::ops {

// The libraries, and behind them the kernels for the CPU that only training needs (gradients, losses,
// optimisers): for a device that is to train. They are apart from the CPU's others because programs that run
// networks do without.
OpLibraries with_training_kernels(OpLibraries libraries = {});

}  // namespace graphrun::ops
