#include <cmath>

#include "ops/batch_norm/body.h"
#include "ops/batch_norm/cpu_kernels.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::batch_norm {
namespace {

template <class T>
struct Apply {
  const T* x;
  const T* residual;  // null: none
  T* y;               // may be x or residual
  std::int64_t x_stride;
  std::int64_t residual_stride;
  std::int64_t y_stride;
  std::int64_t channels;
  const float* mean;
  const float* scale;
  const float* bias;
};

template <bool kResidual, bool kRelu, class T>
[[gnu::always_inline]] inline void apply_loop(const Apply<T>& args, std::int64_t begin, std::int64_t end) {
  const std::int64_t channels = args.channels;
  const float* const mean = args.mean;
  const float* const scale = args.scale;
  const float* const bias = args.bias;
  for (std::int64_t pixel = begin; pixel < end; ++pixel) {
    const T* const x = args.x + pixel * args.x_stride;
    const T* const residual = kResidual ? args.residual + pixel * args.residual_stride : nullptr;
    T* const y = args.y + pixel * args.y_stride;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < channels; ++c) {
      float z = normalise(x[c], mean[c], scale[c], bias[c]);
      if (kResidual) z += residual[c];
      y[c] = static_cast<T>(kRelu ? relu(z) : z);
    }
  }
}

template <class T>
GRAPHRUN_SIMD void apply_plain(const Apply<T>& args, std::int64_t begin, std::int64_t end) {
  apply_loop<false, false>(args, begin, end);
}
template <class T>
GRAPHRUN_SIMD void apply_relu(const Apply<T>& args, std::int64_t begin, std::int64_t end) {
  apply_loop<false, true>(args, begin, end);
}
template <class T>
GRAPHRUN_SIMD void apply_residual(const Apply<T>& args, std::int64_t begin, std::int64_t end) {
  apply_loop<true, false>(args, begin, end);
}
template <class T>
GRAPHRUN_SIMD void apply_residual_relu(const Apply<T>& args, std::int64_t begin, std::int64_t end) {
  apply_loop<true, true>(args, begin, end);
}

// Which inputs hold mean, weight and bias, and whether the other statistic is a variance or already 1/sqrt of
// it.
struct NormInputs {
  std::string_view name;
  std::size_t mean;
  std::size_t variance_or_inv_std;
  std::size_t weight;
  std::size_t bias;
  bool spread_is_variance;
};

template <class T>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request, const NormInputs& inputs, double eps) {
  constexpr std::size_t kResidual = 5;
  const bool has_residual = request.input_present[kResidual];
  const bool relu = request.attrs.text("activation") == "relu";
  Apply<T> args{};
  args.x_stride = request.inputs[0].pixel_stride;
  args.residual_stride = has_residual ? request.inputs[kResidual].pixel_stride : 0;
  args.y_stride = request.outputs[0].pixel_stride;
  args.channels = request.inputs[0].c();
  auto* const loop = has_residual ? (relu ? apply_residual_relu<T> : apply_residual<T>)
                                  : (relu ? apply_relu<T> : apply_plain<T>);
  const auto run = [args, inputs, eps, has_residual, loop, pixels = request.inputs[0].pixels(),
                    threads = request.threads](const KernelRun& io) {
    float* const scale = static_cast<float*>(io.scratch);
    const float* const variance_or_inv_std = io.inputs[inputs.variance_or_inv_std].as<const float>();
    const float* const weight = io.inputs[inputs.weight].as<const float>();
    for (std::int64_t c = 0; c < args.channels; ++c) {
      const float inv_std =
          inputs.spread_is_variance
              ? static_cast<float>(1 / std::sqrt(static_cast<double>(variance_or_inv_std[c]) + eps))
              : variance_or_inv_std[c];
      scale[c] = inv_std * weight[c];
    }
    Apply<T> bound = args;
    bound.x = io.inputs[0].as<const T>();
    bound.residual = has_residual ? io.inputs[kResidual].as<const T>() : nullptr;
    bound.y = io.outputs[0].as<T>();
    bound.mean = io.inputs[inputs.mean].as<const float>();
    bound.scale = scale;
    bound.bias = io.inputs[inputs.bias].as<const float>();
    cpu::parallel_for(threads, pixels, pixel_grain(args.channels),
                      [&](std::int64_t begin, std::int64_t end) { loop(bound, begin, end); });
  };
  return make_function_kernel(inputs.name, args.channels * static_cast<std::int64_t>(sizeof(float)), run);
}

Result<std::unique_ptr<Kernel>> prepare_apply(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) {
    return prepare<T>(request, {"bn_apply", 1, 2, 3, 4, false}, 0);
  });
}
Result<std::unique_ptr<Kernel>> prepare_eval(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) {
    return prepare<T>(request, {"batch_norm_eval", 3, 4, 1, 2, true}, request.attrs.real("eps"));
  });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"batch_norm_eval", "cpu", prepare_eval}, {"bn_apply", "cpu", prepare_apply}};
}

}  // namespace graphrun::ops::batch_norm
