#include "ops/common/compute_type.h"
#include "ops/common/cuda_device.h"
#include "ops/common/function_kernel.h"
#include "runtime/cuda/cublas.h"

namespace graphrun::ops::matmul {
namespace {

// An activation's images as matrices.
cuda::Matrix matrix_of(const TensorView& view, bool transposed) {
  const std::int64_t row = view.desc.pixel_stride;
  return {view.data, row, transposed, view.desc.h() * view.desc.w() * row};
}

struct Operands {
  int left, right;  // inputs
  bool left_transposed, right_transposed;
};

template <Operands kOperands>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  return for_activation_type(request, [&](auto) -> Result<std::unique_ptr<Kernel>> {
    const TensorDesc& left = request.inputs[kOperands.left];
    const TensorDesc& y = request.outputs[0];
    const cuda::MatrixProduct product{.m = y.h() * y.w(),
                                      .n = y.c(),
                                      .k = kOperands.left_transposed ? left.h() * left.w() : left.c(),
                                      .type = y.dtype,
                                      .result = y.dtype,
                                      .count = y.n()};
    return make_function_kernel("cublas", 0, [product, &device = device_of(request)](const KernelRun& run) {
      return cuda::multiply(device, product, matrix_of(run.inputs[kOperands.left], kOperands.left_transposed),
                            matrix_of(run.inputs[kOperands.right], kOperands.right_transposed),
                            matrix_of(run.outputs[0], false));
    });
  });
}

constexpr Operands kForward{0, 1, false, false};
constexpr Operands kGradA{0, 1, false, true};
constexpr Operands kGradX{1, 0, true, false};

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"matmul", "cublas", prepare<kForward>},
          {"matmul_grad_a", "cublas", prepare<kGradA>},
          {"matmul_grad_x", "cublas", prepare<kGradX>}};
}

}  // namespace graphrun::ops::matmul
