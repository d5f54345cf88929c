#pragma once

#include "graphrun/kernel/kernel.h"

// Resize in separable form, row by row, for all but strong reductions: each output row is one mixture of two
// source rows, made once, and its pixels are mixtures of that row's.
namespace graphrun::ops::resize {

Result<std::unique_ptr<Kernel>> prepare_rows(const KernelRequest& request);
Result<std::unique_ptr<Kernel>> prepare_grad_rows(const KernelRequest& request);

}  // namespace graphrun::ops::resize
