#include "ops/common/activation.h"
#include "ops/common/function_kernel.h"
#include "runtime/cpu/onednn.h"

namespace graphrun::ops::matmul {
namespace {

// An activation's images as matrices.
struct Matrices {
  const float* data;
  std::int64_t row;    // elements from pixel to pixel
  std::int64_t image;  // from image to image

  explicit Matrices(const TensorView& view)
      : data(view.as<const float>()),
        row(view.desc.pixel_stride),
        image(view.desc.h() * view.desc.w() * row) {}
};

struct Operands {
  int left, right;  // inputs
  bool left_transposed, right_transposed;
};

template <Operands kOperands>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& left = request.inputs[kOperands.left];
  const std::int64_t terms = kOperands.left_transposed ? left.h() * left.w() : left.c();
  return make_function_kernel(
      request.def.name, 0, [terms, threads = request.threads](const KernelRun& run) -> Status {
        const Matrices a(run.inputs[kOperands.left]);
        const Matrices b(run.inputs[kOperands.right]);
        const Matrices c(run.outputs[0]);
        const TensorDesc& y = run.outputs[0].desc;
        for (std::int64_t n = 0; n < y.n(); ++n) {
          GRAPHRUN_TRY(cpu::matrix_product({.m = y.h() * y.w(),
                                            .n = y.c(),
                                            .k = terms,
                                            .a = {a.data + n * a.image, a.row, kOperands.left_transposed},
                                            .b = {b.data + n * b.image, b.row, kOperands.right_transposed}},
                                           run.outputs[0].as<float>() + n * c.image, c.row, threads));
        }
        return {};
      });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"matmul", "onednn", prepare<Operands{0, 1, false, false}>},
          {"matmul_grad_a", "onednn", prepare<Operands{0, 1, false, true}>},
          {"matmul_grad_x", "onednn", prepare<Operands{1, 0, true, false}>}};
}

}  // namespace graphrun::ops::matmul
