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
struct Rows {
  const T* gy;
  const T* y;    // null: no activation
  T* gx;         // null: unwanted; may be gy
  T* gresidual;  // null: unwanted; may be gy
  std::int64_t gy_stride;
  std::int64_t y_stride;
  std::int64_t gx_stride;
  std::int64_t gresidual_stride;
  std::int64_t channels;
  const float* scale;
};

template <bool kRelu, bool kInput, bool kResidual, class T>
[[gnu::always_inline]] inline void loop(const Rows<T>& args, std::int64_t begin, std::int64_t end) {
  const Rows<T> a = args;
  for (std::int64_t pixel = begin; pixel < end; ++pixel) {
    const T* const gy = a.gy + pixel * a.gy_stride;
    const T* const y = kRelu ? a.y + pixel * a.y_stride : nullptr;
    T* const gx = kInput ? a.gx + pixel * a.gx_stride : nullptr;
    T* const gresidual = kResidual ? a.gresidual + pixel * a.gresidual_stride : nullptr;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < a.channels; ++c) {
      const auto g = static_cast<float>(gy[c]);
      const float gz = kRelu ? relu_mask(g, static_cast<float>(y[c])) : g;
      if (kInput) gx[c] = static_cast<T>(gz * a.scale[c]);
      if (kResidual) gresidual[c] = static_cast<T>(gz);
    }
  }
}

template <bool kRelu, class T>
[[gnu::always_inline]] inline void wanted(const Rows<T>& args, std::int64_t begin, std::int64_t end) {
  if (args.gx == nullptr) return loop<kRelu, false, true>(args, begin, end);
  if (args.gresidual == nullptr) return loop<kRelu, true, false>(args, begin, end);
  loop<kRelu, true, true>(args, begin, end);
}

template <class T>
GRAPHRUN_SIMD void linear(const Rows<T>& args, std::int64_t begin, std::int64_t end) {
  wanted<false>(args, begin, end);
}
template <class T>
GRAPHRUN_SIMD void through_relu(const Rows<T>& args, std::int64_t begin, std::int64_t end) {
  wanted<true>(args, begin, end);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  const bool relu = request.attrs.text("activation") == "relu";
  const TensorDesc& gy = request.inputs[0];
  Rows<T> form{};
  form.gy_stride = gy.pixel_stride;
  form.y_stride = relu ? request.inputs[3].pixel_stride : 0;
  form.gx_stride = request.output_present[0] ? request.outputs[0].pixel_stride : 0;
  form.gresidual_stride = request.output_present[1] ? request.outputs[1].pixel_stride : 0;
  form.channels = gy.c();
  const auto run = [form, relu, eps = request.attrs.real("eps"), pixels = gy.pixels(),
                    threads = request.threads](const KernelRun& io) {
    float* const scale = static_cast<float*>(io.scratch);
    const float* const weight = io.inputs[1].as<const float>();
    const float* const variance = io.inputs[2].as<const float>();
    for (std::int64_t c = 0; c < form.channels; ++c)
      scale[c] = static_cast<float>(1 / std::sqrt(static_cast<double>(variance[c]) + eps)) * weight[c];
    Rows<T> bound = form;
    bound.gy = io.inputs[0].as<const T>();
    bound.y = relu ? io.inputs[3].as<const T>() : nullptr;
    bound.gx = io.outputs[0].as<T>();
    bound.gresidual = io.outputs[1].as<T>();
    bound.scale = scale;
    auto* const body = relu ? through_relu<T> : linear<T>;
    cpu::parallel_for(threads, pixels, pixel_grain(form.channels),
                      [&](std::int64_t begin, std::int64_t end) { body(bound, begin, end); });
  };
  return make_function_kernel("batch_norm_eval_grad",
                              form.channels * static_cast<std::int64_t>(sizeof(float)), run);
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_eval_grad(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) { return prepare<T>(request); });
}

}  // namespace graphrun::ops::batch_norm
