#pragma once

#include "graphrun/kernel/op_def.h"

// What the definitions of this room share.
namespace graphrun::ops::pool {

// kernel, stride, padding; `most` rows and columns of a window.
std::vector<AttrSpec> window_attrs(double most);
// (N, C, H, W) of the pooled x.
Result<std::vector<Dim>> pooled_shape(const Attributes& attrs, const ValueType& x);

const OpDef& average_definition();
const OpDef& average_gradient_definition();

}  // namespace graphrun::ops::pool
