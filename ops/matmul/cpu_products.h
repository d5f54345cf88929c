#pragma once

#include <memory>

#include "graphrun/kernel/kernel.h"

// matmul and its gradients are products of two of their inputs, image by image.
namespace graphrun::ops::matmul {

struct Operands {
  int left, right;  // inputs
  bool left_transposed, right_transposed;
};

// In f32, and in bf16.
Result<std::unique_ptr<Kernel>> prepare_product(const KernelRequest& request, const Operands& operands);
Result<std::unique_ptr<Kernel>> prepare_narrow_product(const KernelRequest& request,
                                                       const Operands& operands);

// As entries of a table.
template <Operands kOperands>
Result<std::unique_ptr<Kernel>> prepare_product(const KernelRequest& request) {
  return prepare_product(request, kOperands);
}
template <Operands kOperands>
Result<std::unique_ptr<Kernel>> prepare_narrow_product(const KernelRequest& request) {
  return prepare_narrow_product(request, kOperands);
}

}  // namespace graphrun::ops::matmul
