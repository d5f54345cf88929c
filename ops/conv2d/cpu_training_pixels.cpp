#include <algorithm>
#include <vector>

#include "ops/common/scratch.h"
#include "ops/conv2d/cpu_training_kernels.h"
#include "runtime/cpu/onednn.h"

// conv2d_grad_weight of a 1x1 window on bf16 as one matrix product: gy transposed times x, both where they
// are. Faster than the library's own gradient where there are enough channels.
namespace graphrun::ops::conv2d {
namespace {

class Pixels final : public Kernel {
 public:
  Pixels(const KernelRequest& request, cpu::Primitive product)
      : product_(std::move(product)), bias_(request.output_present[1]), threads_(request.threads) {
    ScratchPlan scratch;
    library_at_ = scratch.add(product_.scratch_bytes());
    if (bias_) bias_at_ = scratch.add(bias_scratch_bytes(request.inputs[0]));
    scratch_bytes_ = scratch.bytes();
  }
  std::string_view name() const override { return product_.implementation(); }
  std::int64_t scratch_bytes() const override { return scratch_bytes_; }
  Status run(const KernelRun& run) override {
    const TensorView& gy = run.inputs[0];
    if (run.outputs[0].data != nullptr) {
      void* const data[] = {gy.data, run.inputs[1].data, run.outputs[0].data};
      GRAPHRUN_TRY(product_.run(data, scratch_at(run.scratch, library_at_)));
    }
    if (bias_)
      sum_pixels(gy, run.outputs[1].as<float>(), scratch_at<double>(run.scratch, bias_at_), threads_);
    return {};
  }

 private:
  cpu::Primitive product_;
  bool bias_;
  int threads_;
  std::int64_t library_at_ = 0, bias_at_ = 0;
  std::int64_t scratch_bytes_ = 0;
};

}  // namespace

Prepared prepare_grad_weight_pixels(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& x = request.inputs[1];
  if (gy.dtype != DType::bf16 || x.dtype != DType::bf16) return {ErrorCode::declined, "multiplies bf16 only"};
  const Geometry g = geometry_of(request.attrs, x, gy);
  GRAPHRUN_TRY(require_one_group(g));
  const bool in_place = g.kernel_positions() == 1 && g.sh == 1 && g.sw == 1 && g.ph == 0 && g.pw == 0;
  if (!in_place) return {ErrorCode::declined, "takes 1x1 windows without stride and padding only"};
  // Measured with oneDNN 2.6 on AVX-512 BF16.
  constexpr std::int64_t kEnough = 128;
  if (std::min(g.c, g.o) < kEnough) return {ErrorCode::declined, "too few channels for matrix products"};
  const std::int64_t pixels = x.pixels();
  GRAPHRUN_ASSIGN(const auto a, cpu::strided_desc(DType::bf16, {g.o, pixels},
                                                  std::vector{std::int64_t{1}, gy.pixel_stride}));
  GRAPHRUN_ASSIGN(const auto b, cpu::strided_desc(DType::bf16, {pixels, g.c},
                                                  std::vector{x.pixel_stride, std::int64_t{1}}));
  GRAPHRUN_ASSIGN(const auto c, cpu::library_desc(TensorDesc::dense(DType::f32, {g.o, g.c})));
  GRAPHRUN_ASSIGN(cpu::Primitive product, cpu::make_matrix_product(a, b, c, request.threads));
  return std::unique_ptr<Kernel>(std::make_unique<Pixels>(request, std::move(product)));
}

}  // namespace graphrun::ops::conv2d
