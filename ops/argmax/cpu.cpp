#include "ops/common/activation.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"
#include "runtime/numeric/softmax_row.h"

namespace graphrun::ops::argmax {
namespace {

GRAPHRUN_SIMD void argmax_pixels(const float* x, std::int64_t stride, std::int64_t pixels,
                                 std::int64_t channels, std::int32_t* y) {
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel, x += stride)
    y[pixel] = numeric::row_find(x, numeric::row_max(x, channels), channels);
}

class Argmax final : public Kernel {
 public:
  explicit Argmax(int threads) : threads_(threads) {}
  std::string_view name() const override { return "argmax"; }
  Status run(const KernelRun& run) override {
    const TensorView& x = run.inputs[0];
    const std::int64_t stride = x.desc.pixel_stride;
    cpu::parallel_for(threads_, x.desc.pixels(), 32768 / x.desc.c(),
                      [&](std::int64_t begin, std::int64_t end) {
                        argmax_pixels(x.as<const float>() + begin * stride, stride, end - begin, x.desc.c(),
                                      run.outputs[0].as<std::int32_t>() + begin);
                      });
    return {};
  }

 private:
  int threads_;
};

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  return std::unique_ptr<Kernel>(std::make_unique<Argmax>(request.threads));
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() { return {{"argmax", "argmax", prepare}}; }

}  // namespace graphrun::ops::argmax
