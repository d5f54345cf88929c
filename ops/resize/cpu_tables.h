#pragma once

#include "ops/common/body_kernel.h"
#include "ops/resize/body.h"
#include "runtime/numeric/sampling.h"

// The bodies on the CPU: for reductions so strong that working row by row would compute what nobody reads.
namespace graphrun::ops::resize {

// A body with the tables that it points into.
template <class Body>
struct WithTables : Body {
  numeric::Sampling row_sampling, column_sampling;

  void use(numeric::Interpolation rule, const TensorDesc& low, const TensorDesc& high) {
    row_sampling = numeric::sampling(rule, low.h(), high.h());
    column_sampling = numeric::sampling(rule, low.w(), high.w());
    this->extents = {low.h(), low.w(), high.h(), high.w()};
    this->channels = low.c();
    this->blocks = block_count(low.c(), kCpuBlock);
  }
};
}  // namespace graphrun::ops::resize
