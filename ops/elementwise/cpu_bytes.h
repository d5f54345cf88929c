#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

namespace graphrun::ops::elementwise {

// Kernels for activations in u8.
Result<std::unique_ptr<Kernel>> prepare_add_bytes(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_multiply_bytes(const KernelRequest& request);

}  // namespace graphrun::ops::elementwise
