#pragma once

#include <vector>

#include "graphrun/kernel/kernel.h"

namespace graphrun::ops::region_loss {

// Kernels of cpu_lovasz.cpp.
std::vector<KernelEntry> lovasz_kernels();

}  // namespace graphrun::ops::region_loss
