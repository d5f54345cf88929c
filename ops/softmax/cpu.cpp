#include "ops/common/activation.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/softmax_row.h"

namespace graphrun::ops::softmax {
namespace {

GRAPHRUN_SIMD void forward_pixels(const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride,
                                  std::int64_t pixels, std::int64_t channels) {
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel, x += x_stride, y += y_stride) {
    const float scale = 1.0f / numeric::row_exp(x, numeric::row_max(x, channels), channels, y);
    for (std::int64_t c = 0; c < channels; ++c) y[c] *= scale;
  }
}

constexpr std::int64_t grain_of(std::int64_t channels) { return 16384 / channels; }

class Softmax final : public Kernel {
 public:
  explicit Softmax(int threads) : threads_(threads) {}
  std::string_view name() const override { return "softmax"; }
  Status run(const KernelRun& run) override {
    const TensorView& x = run.inputs[0];
    const TensorView& y = run.outputs[0];
    const std::int64_t xs = x.desc.pixel_stride;
    const std::int64_t ys = y.desc.pixel_stride;
    cpu::parallel_for(threads_, y.desc.pixels(), grain_of(y.desc.c()),
                      [&](std::int64_t begin, std::int64_t end) {
                        forward_pixels(x.as<const float>() + begin * xs, xs, y.as<float>() + begin * ys, ys,
                                       end - begin, y.desc.c());
                      });
    return {};
  }

 private:
  int threads_;
};

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  return std::unique_ptr<Kernel>(std::make_unique<Softmax>(request.threads));
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() { return {{"softmax", "softmax", prepare}}; }

}  // namespace graphrun::ops::softmax
