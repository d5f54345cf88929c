#include <cmath>

#include "ops/batch_norm/body.h"
#include "ops/batch_norm/cpu_kernels.h"
#include "ops/common/activation.h"
#include "ops/common/function_kernel.h"
#include "runtime/cpu/parallel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::batch_norm {
namespace {

struct Rows {
  const float* gy;
  const float* y;    // null: no activation
  float* gx;         // null: unwanted; may be gy
  float* gresidual;  // null: unwanted; may be gy
  std::int64_t gy_stride;
  std::int64_t y_stride;
  std::int64_t gx_stride;
  std::int64_t gresidual_stride;
  std::int64_t channels;
  const float* scale;
};

template <bool kRelu, bool kInput, bool kResidual>
[[gnu::always_inline]] inline void loop(const Rows& args, std::int64_t begin, std::int64_t end) {
  const Rows a = args;
  for (std::int64_t pixel = begin; pixel < end; ++pixel) {
    const float* const gy = a.gy + pixel * a.gy_stride;
    const float* const y = kRelu ? a.y + pixel * a.y_stride : nullptr;
    float* const gx = kInput ? a.gx + pixel * a.gx_stride : nullptr;
    float* const gresidual = kResidual ? a.gresidual + pixel * a.gresidual_stride : nullptr;
#pragma GCC ivdep
    for (std::int64_t c = 0; c < a.channels; ++c) {
      const float gz = kRelu ? relu_mask(gy[c], y[c]) : gy[c];
      if (kInput) gx[c] = gz * a.scale[c];
      if (kResidual) gresidual[c] = gz;
    }
  }
}

template <bool kRelu>
[[gnu::always_inline]] inline void wanted(const Rows& args, std::int64_t begin, std::int64_t end) {
  if (args.gx == nullptr) return loop<kRelu, false, true>(args, begin, end);
  if (args.gresidual == nullptr) return loop<kRelu, true, false>(args, begin, end);
  loop<kRelu, true, true>(args, begin, end);
}

GRAPHRUN_SIMD void linear(const Rows& args, std::int64_t begin, std::int64_t end) {
  wanted<false>(args, begin, end);
}
GRAPHRUN_SIMD void through_relu(const Rows& args, std::int64_t begin, std::int64_t end) {
  wanted<true>(args, begin, end);
}

}  // namespace

Result<std::unique_ptr<Kernel>> prepare_eval_grad(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const bool relu = request.attrs.text("activation") == "relu";
  const TensorDesc& gy = request.inputs[0];
  Rows form{};
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
    Rows bound = form;
    bound.gy = io.inputs[0].as<const float>();
    bound.y = relu ? io.inputs[3].as<const float>() : nullptr;
    bound.gx = io.outputs[0].as<float>();
    bound.gresidual = io.outputs[1].as<float>();
    bound.scale = scale;
    auto* const body = relu ? through_relu : linear;
    cpu::parallel_for(threads, pixels, pixel_grain(form.channels),
                      [&](std::int64_t begin, std::int64_t end) { body(bound, begin, end); });
  };
  return make_function_kernel("batch_norm_eval_grad",
                              form.channels * static_cast<std::int64_t>(sizeof(float)), run);
}

}  // namespace graphrun::ops::batch_norm
