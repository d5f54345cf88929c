#include "graphrun/bfloat16.h"
#include "ops/common/function_kernel.h"
#include "ops/common/pixel_rows.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::scalar {
namespace {

Result<std::unique_ptr<Kernel>> prepare_weighted_sum(const KernelRequest& request) {
  return make_function_kernel(request.def.name, 0,
                              [weights = request.attrs.reals("weights")](const KernelRun& run) {
                                double sum = 0;
                                for (std::size_t i = 0; i < weights.size(); ++i) {
                                  sum += weights[i] * static_cast<double>(*run.inputs[i].as<const float>());
                                }
                                *run.outputs[0].as<float>() = static_cast<float>(sum);
                              });
}

// y may be the memory of x.
template <class T>
GRAPHRUN_SIMD void scale_row(const T* x, float factor, T* y, std::int64_t length) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < length; ++i) y[i] = static_cast<T>(factor * static_cast<float>(x[i]));
}

template <class T>
Result<std::unique_ptr<Kernel>> make_scale(const KernelRequest& request) {
  const PixelRows rows({request.inputs[0], request.outputs[0]});
  const auto divisor = static_cast<double>(request.attrs.integer("divisor"));
  return make_function_kernel(request.def.name, 0,
                              [rows, factor = static_cast<float>(request.attrs.real("factor") / divisor),
                               threads = request.threads](const KernelRun& run) {
                                const T* const x = run.inputs[0].as<const T>();
                                T* const y = run.outputs[0].as<T>();
                                rows.parallel_for(threads, [&](std::int64_t at, std::int64_t length) {
                                  scale_row(x + at * rows.stride(0), factor, y + at * rows.stride(1), length);
                                });
                              });
}

Result<std::unique_ptr<Kernel>> prepare_scale(const KernelRequest& request) {
  switch (request.inputs[0].dtype) {
    case DType::f32:
      return make_scale<float>(request);
    case DType::bf16:
      return make_scale<BFloat16>(request);
    default:
      return {ErrorCode::declined, "computes in f32 and bf16 only"};
  }
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"weighted_sum", "cpu", prepare_weighted_sum}, {"scale", "cpu", prepare_scale}};
}

}  // namespace graphrun::ops::scalar
