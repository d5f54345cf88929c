#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Sums over many pixels in two steps: partial sums of pieces of them, which are then added in order.
// Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops {

// How pixels are cut for their sums, by their number alone.
struct Pieces {
  static constexpr int64_t kMax = 128;
  int64_t piece, count;  // pixels in a piece; pieces
  explicit Pieces(int64_t pixels) : piece((pixels + kMax - 1) / kMax), count((pixels + piece - 1) / piece) {}
};

// Adds up one column of partial sums (pieces, columns), in the order of the pieces.
GRAPHRUN_DEVICE inline double sum_pieces(const double* sums, int64_t pieces, int64_t columns,
                                         int64_t column) {
  double sum = 0;
  for (int64_t piece = 0; piece < pieces; ++piece) sum += sums[piece * columns + column];
  return sum;
}

// Gradients of a norm's weight and bias from partial sums (pieces, 2, C). An index is a channel.
struct AddPieces {
  int64_t channels, pieces;
  const double* sums;
  float* gweight;  // null: unwanted
  float* gbias;

  GRAPHRUN_DEVICE void operator()(int64_t c) const {
    if (gweight != nullptr) gweight[c] = static_cast<float>(sum_pieces(sums, pieces, 2 * channels, c));
    if (gbias != nullptr) gbias[c] = static_cast<float>(sum_pieces(sums, pieces, 2 * channels, channels + c));
  }
};

}  // namespace graphrun::ops
