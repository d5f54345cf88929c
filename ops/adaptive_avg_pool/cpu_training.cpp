#include "ops/adaptive_avg_pool/body.h"
#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"

namespace graphrun::ops::adaptive_avg_pool {
namespace {

template <class T>
using Backward = AdaptiveAvgPoolGrad<kCpuBlock, T>;

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
  return make_body_kernel("adaptive_avg_pool_grad", body, bind, gx.pixels() * body.blocks, kWork,
                          request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"adaptive_avg_pool_grad", "adaptive_avg_pool_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::adaptive_avg_pool
