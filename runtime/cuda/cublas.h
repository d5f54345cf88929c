#pragma once

#include <cstdint>

#include "graphrun/dtype.h"
#include "graphrun/status.h"
#include "runtime/cuda/device.h"

namespace graphrun::cuda {

// A matrix in row-major memory, or several of them at equal distances.
struct Matrix {
  void* data = nullptr;
  std::int64_t row = 0;     // elements from row to row
  bool transposed = false;  // as an operand
  std::int64_t batch = 0;   // elements from matrix to matrix
};

// c = a b, of (m, n), for each of `count`; a and b are of `type`, f32 or bf16, and sums are f32 without
// rounded operands.
struct MatrixProduct {
  std::int64_t m, n, k;
  DType type;
  DType result;  // `type` or f32
  std::int64_t count = 1;
};
Status multiply(Device& device, const MatrixProduct& product, const Matrix& a, const Matrix& b,
                const Matrix& c);

}  // namespace graphrun::cuda
