#include "ops/adaptive_avg_pool/body.h"
#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::adaptive_avg_pool {
namespace {

template <class T>
using Forward = AdaptiveAvgPool<kCpuBlock, T>;
template <class T>
using Backward = AdaptiveAvgPoolGrad<kCpuBlock, T>;

template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void forward_loop(const Forward<T>& body, std::int64_t begin,
                                                 std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}
template <class T>
[[gnu::flatten]] GRAPHRUN_SIMD void backward_loop(const Backward<T>& body, std::int64_t begin,
                                                  std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  Forward<T> body{};
  body.rows = {x.h(), y.h()};
  body.columns = {x.w(), y.w()};
  body.channels = x.c();
  body.blocks = block_count(x.c(), kCpuBlock);
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Forward<T>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<T>();
  };
  const std::int64_t size = body.rows.end(0) * body.columns.end(0);
  return make_body_kernel("adaptive_avg_pool", body, bind, forward_loop<T>, y.pixels() * body.blocks,
                          kCpuBlock * size, request.threads);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  Backward<T> body{};
  body.rows = {gx.h(), gy.h()};
  body.columns = {gx.w(), gy.w()};
  body.channels = gx.c();
  body.blocks = block_count(gx.c(), kCpuBlock);
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  const auto bind = [](Backward<T>& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const T>();
    to.gx = run.outputs[0].as<T>();
  };
  constexpr std::int64_t kWork = 2 * kCpuBlock;
  return make_body_kernel("adaptive_avg_pool_grad", body, bind, backward_loop<T>, gx.pixels() * body.blocks,
                          kWork, request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"adaptive_avg_pool", "adaptive_avg_pool",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"adaptive_avg_pool_grad", "adaptive_avg_pool_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::adaptive_avg_pool
