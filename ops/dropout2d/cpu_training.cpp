#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/dropout2d/body.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::dropout2d {
namespace {

// y may be the memory of x.
template <class T>
GRAPHRUN_SIMD void multiply_rows(const T* x, std::int64_t x_stride, const float* factors, T* y,
                                 std::int64_t y_stride, std::int64_t pixels, std::int64_t channels) {
  for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
    const T* const from = x + pixel * x_stride;
    T* const to = y + pixel * y_stride;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < channels; ++c)
      to[c] = static_cast<T>(static_cast<float>(from[c]) * factors[c]);
  }
}

// Forward and backward alike.
template <class T>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const TensorDesc x = request.inputs[0];
  const std::int64_t y_stride = request.outputs[0].pixel_stride;
  const float p = static_cast<float>(request.attrs.real("p"));
  const std::int64_t stream = request.attrs.integer("stream");
  const bool samples = request.attrs.flag("samples");
  const std::int64_t scratch = x.n() * x.c() * static_cast<std::int64_t>(sizeof(float));
  const auto run = [x, y_stride, p, stream, samples, threads = request.threads](const KernelRun& io) {
    const std::int64_t* const rng = io.inputs[1].as<const std::int64_t>();
    float* const factors = static_cast<float*>(io.scratch);
    for (std::int64_t n = 0; n < x.n(); ++n) {
      for (std::int64_t c = 0; c < x.c(); ++c) {
        factors[n * x.c() + c] = channel_factor(rng[0], rng[1], stream, rng[2] + n, samples ? 0 : c, p);
      }
    }
    const std::int64_t pixels = x.h() * x.w();
    constexpr std::int64_t kElements = 1 << 14;
    const std::int64_t grain = std::max<std::int64_t>(kElements / x.c(), 1);
    for (std::int64_t n = 0; n < x.n(); ++n) {
      const T* const from = io.inputs[0].as<const T>() + n * pixels * x.pixel_stride;
      T* const to = io.outputs[0].as<T>() + n * pixels * y_stride;
      cpu::parallel_for(threads, pixels, grain, [&](std::int64_t begin, std::int64_t end) {
        multiply_rows(from + begin * x.pixel_stride, x.pixel_stride, factors + n * x.c(),
                      to + begin * y_stride, y_stride, end - begin, x.c());
      });
    }
  };
  return make_function_kernel(request.def.name, scratch, run);
}

Result<std::unique_ptr<Kernel>> prepare_of_type(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return prepare<T>(request); });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"dropout2d_train", "cpu", prepare_of_type}, {"dropout2d_grad", "cpu", prepare_of_type}};
}

}  // namespace graphrun::ops::dropout2d
