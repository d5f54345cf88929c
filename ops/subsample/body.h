#pragma once

#include <stdint.h>

#include "runtime/core/device_function.h"

// Body of subsample. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::subsample {

struct Subsample {
  int64_t in_h, in_w, out_h, out_w;
  int64_t row_step, column_step;  // of x, from one row or column of y to the next
  const int32_t* x;
  int32_t* y;

  // One row of y.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    const int64_t row = i / out_h * in_h + i % out_h * row_step;
    for (int64_t w = 0; w < out_w; ++w) y[i * out_w + w] = x[row * in_w + w * column_step];
  }
};

}  // namespace graphrun::ops::subsample
