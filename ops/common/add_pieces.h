#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops {

// Gradients of a norm's weight and bias from partial sums (pieces, 2, C) in f64. An index is a channel:
// pieces are added in order.
struct AddPieces {
  int64_t channels, pieces;
  const double* sums;
  float* gweight;  // null: unwanted
  float* gbias;

  GRAPHRUN_DEVICE void operator()(int64_t c) const {
    double of_weight = 0, of_bias = 0;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      of_weight += sums[piece * 2 * channels + c];
      of_bias += sums[(piece * 2 + 1) * channels + c];
    }
    if (gweight != nullptr) gweight[c] = static_cast<float>(of_weight);
    if (gbias != nullptr) gbias[c] = static_cast<float>(of_bias);
  }
};

}  // namespace graphrun::ops
