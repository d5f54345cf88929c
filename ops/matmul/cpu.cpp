#include "ops/common/activation.h"
#include "ops/common/function_kernel.h"
#include "ops/matmul/cpu_products.h"
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

// A product of bf16, image by image.
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

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_product(const KernelRequest& request, const Operands& operands) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& left = request.inputs[operands.left];
  const std::int64_t terms = operands.left_transposed ? left.h() * left.w() : left.c();
  return make_function_kernel(
      request.def.name, 0, [operands, terms, threads = request.threads](const KernelRun& run) -> Status {
        const Matrices a(run.inputs[operands.left]);
        const Matrices b(run.inputs[operands.right]);
        const Matrices c(run.outputs[0]);
        const TensorDesc& y = run.outputs[0].desc;
        for (std::int64_t n = 0; n < y.n(); ++n) {
          GRAPHRUN_TRY(cpu::matrix_product({.m = y.h() * y.w(),
                                            .n = y.c(),
                                            .k = terms,
                                            .a = {a.data + n * a.image, a.row, operands.left_transposed},
                                            .b = {b.data + n * b.image, b.row, operands.right_transposed}},
                                           run.outputs[0].as<float>() + n * c.image, c.row, threads));
        }
        return {};
      });
}

Result<std::unique_ptr<Kernel>> prepare_narrow_product(const KernelRequest& request,
                                                       const Operands& operands) {
  const TensorDesc& left = request.inputs[operands.left];
  const TensorDesc& right = request.inputs[operands.right];
  const TensorDesc& y = request.outputs[0];
  for (const TensorDesc* desc : {&left, &right, &y}) {
    if (desc->dtype != DType::bf16) return {ErrorCode::declined, "multiplies bf16 only"};
  }
  GRAPHRUN_ASSIGN(const auto a, matrix_of(left, operands.left_transposed));
  GRAPHRUN_ASSIGN(const auto b, matrix_of(right, operands.right_transposed));
  GRAPHRUN_ASSIGN(const auto c, matrix_of(y, false));
  GRAPHRUN_ASSIGN(cpu::Primitive product, cpu::make_matrix_product(a, b, c, request.threads));
  return std::unique_ptr<Kernel>(
      std::make_unique<NarrowProduct>(std::move(product), operands.left, operands.right));
}

std::vector<KernelEntry> cpu_kernels() {
  static constexpr Operands kForward{0, 1, false, false};
  return {{"matmul", "onednn", prepare_product<kForward>},
          {"matmul", "onednn_bf16", prepare_narrow_product<kForward>}};
}

}  // namespace graphrun::ops::matmul
