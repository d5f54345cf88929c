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

// The same of bf16, image by image.
class NarrowProduct final : public Kernel {
 public:
  NarrowProduct(cpu::Primitive product, int left, int right)
      : product_(std::move(product)), left_(left), right_(right) {}
  std::string_view name() const override { return product_.implementation(); }
  std::int64_t scratch_bytes() const override { return product_.scratch_bytes(); }
  Status run(const KernelRun& run) override {
    const TensorView& a = run.inputs[left_];
    const TensorView& b = run.inputs[right_];
    const TensorView& c = run.outputs[0];
    for (std::int64_t n = 0; n < c.desc.n(); ++n) {
      void* const data[] = {image(a, n), image(b, n), image(c, n)};
      GRAPHRUN_TRY(product_.run(data, run.scratch));
    }
    return {};
  }

 private:
  static void* image(const TensorView& view, std::int64_t n) {
    return view.as<BFloat16>() + n * view.desc.h() * view.desc.w() * view.desc.pixel_stride;
  }
  cpu::Primitive product_;
  int left_, right_;
};

// An image as the library sees it.
Result<dnnl::memory::desc> matrix_of(const TensorDesc& desc, bool transposed) {
  const std::int64_t pixels = desc.h() * desc.w();
  const std::int64_t row = desc.pixel_stride;
  if (transposed) return cpu::strided_desc(desc.dtype, {desc.c(), pixels}, std::vector<std::int64_t>{1, row});
  return cpu::strided_desc(desc.dtype, {pixels, desc.c()}, std::vector<std::int64_t>{row, 1});
}

template <Operands kOperands>
Result<std::unique_ptr<Kernel>> prepare_narrow(const KernelRequest& request) {
  const TensorDesc& left = request.inputs[kOperands.left];
  const TensorDesc& right = request.inputs[kOperands.right];
  const TensorDesc& y = request.outputs[0];
  for (const TensorDesc* desc : {&left, &right, &y}) {
    if (desc->dtype != DType::bf16) return {ErrorCode::declined, "multiplies bf16 only"};
  }
  GRAPHRUN_ASSIGN(const auto a, matrix_of(left, kOperands.left_transposed));
  GRAPHRUN_ASSIGN(const auto b, matrix_of(right, kOperands.right_transposed));
  GRAPHRUN_ASSIGN(const auto c, matrix_of(y, false));
  GRAPHRUN_ASSIGN(cpu::Primitive product, cpu::make_matrix_product(a, b, c, request.threads));
  return std::unique_ptr<Kernel>(
      std::make_unique<NarrowProduct>(std::move(product), kOperands.left, kOperands.right));
}

constexpr Operands kForward{0, 1, false, false};
constexpr Operands kGradA{0, 1, false, true};
constexpr Operands kGradX{1, 0, true, false};

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {
      {"matmul", "onednn", prepare<kForward>},      {"matmul", "onednn_bf16", prepare_narrow<kForward>},
      {"matmul_grad_a", "onednn", prepare<kGradA>}, {"matmul_grad_a", "onednn_bf16", prepare_narrow<kGradA>},
      {"matmul_grad_x", "onednn", prepare<kGradX>}, {"matmul_grad_x", "onednn_bf16", prepare_narrow<kGradX>}};
}

}  // namespace graphrun::ops::matmul
