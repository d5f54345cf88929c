#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Body of subsample. Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::subsample {

struct Subsample {
  int64_t in_h, in_w, out_h, out_w;
  int64_t row_step, column_step;  // of x, from one row or column of y to the next
  const int32_t* x;
  int32_t* y;

  // One row of y.
  GRAPHRUN_DEVICE void operator()(int64_t i) const {
    for (int64_t w = 0; w < out_w; ++w) pick(i, w);
  }
  GRAPHRUN_DEVICE void pick(int64_t i, int64_t w) const {
    const int64_t row = i / out_h * in_h + i % out_h * row_step;
    y[i * out_w + w] = x[row * in_w + w * column_step];
  }
};

// Without its pointers. Precondition: the steps are whole.
inline Subsample make_subsample(int64_t in_h, int64_t in_w, int64_t out_h, int64_t out_w) {
  const int64_t row_step = out_h == 1 ? 0 : (in_h - 1) / (out_h - 1);
  const int64_t column_step = out_w == 1 ? 0 : (in_w - 1) / (out_w - 1);
  return {in_h, in_w, out_h, out_w, row_step, column_step, nullptr, nullptr};
}

}  // namespace graphrun::ops::subsample
