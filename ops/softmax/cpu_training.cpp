#include "ops/common/activation.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::softmax {
namespace {

GRAPHRUN_SIMD void backward_pixels(const float* gy, std::int64_t gy_stride, const float* y,
                                   std::int64_t y_stride, float* gx, std::int64_t gx_stride,
                                   std::int64_t pixels, std::int64_t channels) {
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel, gy += gy_stride, y += y_stride, gx += gx_stride) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = 0; c < channels; ++c) sum += gy[c] * y[c];
    for (std::int64_t c = 0; c < channels; ++c) gx[c] = y[c] * (gy[c] - sum);
  }
}

constexpr std::int64_t grain_of(std::int64_t channels) { return 16384 / channels; }

class SoftmaxGrad final : public Kernel {
 public:
  explicit SoftmaxGrad(int threads) : threads_(threads) {}
  std::string_view name() const override { return "softmax_grad"; }
  Status run(const KernelRun& run) override {
    const TensorView& gy = run.inputs[0];
    const TensorView& y = run.inputs[1];
    const TensorView& gx = run.outputs[0];
    cpu::parallel_for(
        threads_, gx.desc.pixels(), grain_of(gx.desc.c()), [&](std::int64_t begin, std::int64_t end) {
          backward_pixels(gy.as<const float>() + begin * gy.desc.pixel_stride, gy.desc.pixel_stride,
                          y.as<const float>() + begin * y.desc.pixel_stride, y.desc.pixel_stride,
                          gx.as<float>() + begin * gx.desc.pixel_stride, gx.desc.pixel_stride, end - begin,
                          gx.desc.c());
        });
    return {};
  }

 private:
  int threads_;
};

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  return std::unique_ptr<Kernel>(std::make_unique<SoftmaxGrad>(request.threads));
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() { return {{"softmax_grad", "softmax_grad", prepare}}; }

}  // namespace graphrun::ops::softmax
