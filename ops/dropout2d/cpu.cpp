#include "ops/common/activation.h"
#include "ops/common/function_kernel.h"
#include "ops/dropout2d/body.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::dropout2d {
namespace {

// y may be the memory of x.
GRAPHRUN_SIMD void multiply_rows(const float* x, std::int64_t x_stride, const float* factors, float* y,
                                 std::int64_t y_stride, std::int64_t pixels, std::int64_t channels) {
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    const float* const from = x + pixel * x_stride;
    float* const to = y + pixel * y_stride;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < channels; ++c) to[c] = from[c] * factors[c];
  }
}

// Forward and backward alike.
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc x = request.inputs[0];
  const std::int64_t y_stride = request.outputs[0].pixel_stride;
  const float p = static_cast<float>(request.attrs.real("p"));
  const std::int64_t stream = request.attrs.integer("stream");
  const std::int64_t scratch = x.n() * x.c() * static_cast<std::int64_t>(sizeof(float));
  const auto run = [x, y_stride, p, stream, threads = request.threads](const KernelRun& io) {
    const std::int64_t* const rng = io.inputs[1].as<const std::int64_t>();
    float* const factors = static_cast<float*>(io.scratch);
    for (std::int64_t n = 0; n < x.n(); ++n) {
      for (std::int64_t c = 0; c < x.c(); ++c) {
        factors[n * x.c() + c] = channel_factor(rng[0], rng[1], stream, rng[2] + n, c, p);
      }
    }
    const std::int64_t pixels = x.h() * x.w();
    constexpr std::int64_t kElements = 1 << 14;
    const std::int64_t grain = std::max<std::int64_t>(kElements / x.c(), 1);
    for (std::int64_t n = 0; n < x.n(); ++n) {
      const float* const from = io.inputs[0].as<const float>() + n * pixels * x.pixel_stride;
      float* const to = io.outputs[0].as<float>() + n * pixels * y_stride;
      cpu::parallel_for(threads, pixels, grain, [&](std::int64_t begin, std::int64_t end) {
        multiply_rows(from + begin * x.pixel_stride, x.pixel_stride, factors + n * x.c(),
                      to + begin * y_stride, y_stride, end - begin, x.c());
      });
    }
  };
  return make_function_kernel(request.def.name, scratch, run);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"dropout2d_train", "cpu", prepare}, {"dropout2d_grad", "cpu", prepare}};
}

}  // namespace graphrun::ops::dropout2d
