#include "ops/activation/body.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::activation {
namespace {

// y = f(a, b) of a run of elements; `slope` where f has one.
template <class T>
using Row = void (*)(float slope, const T* a, const T* b, T* y, std::int64_t length);

// Outputs may be the memory of an input: element i is read before it is written.
template <class F, class T>
[[gnu::flatten]] GRAPHRUN_SIMD void map_rows(float slope, const T* a, const T* b, T* y, std::int64_t length) {
  const F f = with_slope<F>(slope);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(f(a[i], b[i]));
}

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
Prepared binary(const KernelRequest& request, float slope, Row<T> row) {
  const PixelRows rows({request.inputs[0], request.inputs[1], request.outputs[0]});
  return make_function_kernel(
      request.def.name, 0, [rows, slope, row, threads = request.threads](const KernelRun& run) {
        const T* const a = run.inputs[0].as<const T>();
        const T* const b = run.inputs[1].as<const T>();
        T* const y = run.outputs[0].as<T>();
        rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
          row(slope, a + at * rows.stride(0), b + at * rows.stride(1), y + at * rows.stride(2), length);
        });
      });
}

template <class F>
Prepared prepare(const KernelRequest& request) {
  const float slope = slope_of<F>(request.attrs);
  return for_activation_type(request, [&]<class T>(T) { return binary<T>(request, slope, map_rows<F, T>); });
}
template <class F, class Tanh>
Prepared prepare_gelu(const KernelRequest& request) {
  return request.attrs.text("approximate") == "tanh" ? prepare<Tanh>(request) : prepare<F>(request);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"relu_grad", "cpu", prepare<ReluGrad>},
          {"sigmoid_grad", "cpu", prepare<SigmoidGrad>},
          {"relu6_grad", "cpu", prepare<Relu6Grad>},
          {"leaky_relu_grad", "cpu", prepare<LeakyReluGrad>},
          {"hard_sigmoid_grad", "cpu", prepare<HardSigmoidGrad>},
          {"hard_swish_grad", "cpu", prepare<HardSwishGrad>},
          {"silu_grad", "cpu", prepare<SiluGrad>},
          {"gelu_grad", "cpu", prepare_gelu<GeluGrad, GeluTanhGrad>}};
}

}  // namespace graphrun::ops::activation
