#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/pool/average.h"

namespace graphrun::ops::pool {
namespace {

template <class T>
using Backward = MaxPoolGrad<kCpuBlock, T>;

template <class T>
Result<std::unique_ptr<Kernel>> prepare_average_grad(const KernelRequest& request) {
  using Body = AvgPoolGrad<kCpuBlock, T>;
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  auto body = average_form<Body>(request.attrs, gx, gy, block_count(gx.c(), kCpuBlock));
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  const auto bind = [](Body& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const T>();
    to.gx = run.outputs[0].as<T>();
  };
  constexpr std::int64_t kWork = 4 * kCpuBlock;
  return make_body_kernel("avg_pool_grad", body, bind, gx.pixels() * body.blocks, kWork, request.threads);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request) {
  const TensorDesc& gx = request.outputs[0];
  const auto body = backward_form<Backward<T>>(request, block_count(gx.c(), kCpuBlock));
  const auto bind = [](Backward<T>& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const T>();
    to.index = run.inputs[1].as<const std::uint8_t>();
    to.gx = run.outputs[0].as<T>();
  };
  constexpr std::int64_t kWork = 4 * kCpuBlock;
  return make_body_kernel("max_pool_grad", body, bind, gx.pixels() * body.blocks, kWork, request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"avg_pool_grad", "avg_pool_grad",
           [](const KernelRequest& request) {
             return for_activation_type(request,
                                        [&]<class T>(T) { return prepare_average_grad<T>(request); });
           }},
          {"max_pool_grad", "max_pool_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::pool
