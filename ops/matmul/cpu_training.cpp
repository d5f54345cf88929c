#include "ops/matmul/cpu_products.h"

namespace graphrun::ops::matmul {

std::vector<KernelEntry> cpu_training_kernels() {
  static constexpr Operands kGradA{0, 1, false, true};
  static constexpr Operands kGradX{1, 0, true, false};
  return {{"matmul_grad_a", "onednn", prepare_product<kGradA>},
          {"matmul_grad_a", "onednn_bf16", prepare_narrow_product<kGradA>},
          {"matmul_grad_x", "onednn", prepare_product<kGradX>},
          {"matmul_grad_x", "onednn_bf16", prepare_narrow_product<kGradX>}};
}

}  // namespace graphrun::ops::matmul
