#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"
#include "graphrun/tensor.h"

// The body of slice_weight and join_weights. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::conv2d {

// Floats of a weight for one output.
inline int64_t row_of(const TensorDesc& weight) { return weight.shape.count() / weight.shape[0]; }

// An index is an element of the part: rows of `length` floats, from one weight to another.
struct CopyRows {
  int64_t length, from_row, to_row;
  const float* from;
  float* to;

  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t row = i / length, column = i - row * length;
    to[row * to_row + column] = from[row * from_row + column];
  }
};

}  // namespace graphrun::ops::conv2d
