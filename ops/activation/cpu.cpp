#include "ops/activation/body.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::activation {
namespace {

// Outputs may be the memory of an input: element i is read before it is written.
template <class F, class T>
[[gnu::flatten]] GRAPHRUN_SIMD void map_row(F f, const T* x, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(f(x[i]));
}

template <class F, class T>
Result<std::unique_ptr<Kernel>> unary(const KernelRequest& request, F f) {
  const PixelRows rows({request.inputs[0], request.outputs[0]});
  return make_function_kernel(request.def.name, 0,
                              [rows, f, threads = request.threads](const KernelRun& run) {
                                const T* const x = run.inputs[0].as<const T>();
                                T* const y = run.outputs[0].as<T>();
                                rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
                                  map_row(f, x + at * rows.stride(0), y + at * rows.stride(1), length);
                                });
                              });
}

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class F>
Prepared prepare(const KernelRequest& request) {
  F f;
  if constexpr (HasSlope<F>) f.slope = static_cast<float>(request.attrs.real("slope"));
  return for_activation_type(request, [&]<class T>(T) { return unary<F, T>(request, f); });
}
template <class F, class Tanh>
Prepared prepare_gelu(const KernelRequest& request) {
  return request.attrs.text("approximate") == "tanh" ? prepare<Tanh>(request) : prepare<F>(request);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"relu", "cpu", prepare<Relu>},
          {"sigmoid", "cpu", prepare<Sigmoid>},
          {"relu6", "cpu", prepare<Relu6>},
          {"leaky_relu", "cpu", prepare<LeakyRelu>},
          {"hard_sigmoid", "cpu", prepare<HardSigmoid>},
          {"hard_swish", "cpu", prepare<HardSwish>},
          {"silu", "cpu", prepare<Silu>},
          {"gelu", "cpu", prepare_gelu<Gelu, GeluTanh>}};
}

}  // namespace graphrun::ops::activation
