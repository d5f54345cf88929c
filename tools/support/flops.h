#pragma once

#include "runtime/core/status.h"
#include "runtime/model/program.h"

namespace graphrun {

// Floating-point operations of the convolutions of the eval method for one image shape (N, 3, H, W): two for
// each multiplication with its addition.
Result<double> eval_flops(const Program& program, const Shape& image);

}  // namespace graphrun
