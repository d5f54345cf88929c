#include "ops/adaptive_avg_pool/body.h"
#include "ops/common/activation.h"
#include "ops/common/body_kernel.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::adaptive_avg_pool {
namespace {

using Forward = AdaptiveAvgPool<kCpuBlock>;
using Backward = AdaptiveAvgPoolGrad<kCpuBlock>;

[[gnu::flatten]] GRAPHRUN_SIMD void forward_loop(const Forward& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}
[[gnu::flatten]] GRAPHRUN_SIMD void backward_loop(const Backward& body, std::int64_t begin,
                                                  std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  Forward body{};
  body.rows = {x.h(), y.h()};
  body.columns = {x.w(), y.w()};
  body.channels = x.c();
  body.blocks = block_count(x.c(), kCpuBlock);
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Forward& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const float>();
    to.y = run.outputs[0].as<float>();
  };
  const std::int64_t size = body.rows.end(0) * body.columns.end(0);
  return make_body_kernel("adaptive_avg_pool", body, bind, forward_loop, y.pixels() * body.blocks,
                          kCpuBlock * size, request.threads);
}

Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  Backward body{};
  body.rows = {gx.h(), gy.h()};
  body.columns = {gx.w(), gy.w()};
  body.channels = gx.c();
  body.blocks = block_count(gx.c(), kCpuBlock);
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  const auto bind = [](Backward& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const float>();
    to.gx = run.outputs[0].as<float>();
  };
  constexpr std::int64_t kWork = 2 * kCpuBlock;
  return make_body_kernel("adaptive_avg_pool_grad", body, bind, backward_loop, gx.pixels() * body.blocks,
                          kWork, request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"adaptive_avg_pool", "adaptive_avg_pool", prepare_forward},
          {"adaptive_avg_pool_grad", "adaptive_avg_pool_grad", prepare_backward}};
}

}  // namespace graphrun::ops::adaptive_avg_pool
