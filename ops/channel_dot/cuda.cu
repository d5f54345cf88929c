#include "ops/channel_dot/body.h"
#include "ops/common/compute_type.h"
#include "ops/common/cuda_kernel.cuh"

namespace graphrun::ops::channel_dot {
namespace {

Result<std::unique_ptr<Kernel>> prepare(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Result<std::unique_ptr<Kernel>> {
    const TensorDesc& a = request.inputs[0];
    const auto bind = [](ChannelDot<T>& to, const KernelRun& run) {
      to.a = run.inputs[0].template as<const T>();
      to.b = run.inputs[1].template as<const T>();
      to.y = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<ChannelDot<T>>(
        request, "cuda", make_channel_dot<T>(a, request.inputs[1], request.outputs[0]), bind, a.pixels());
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() { return {{"channel_dot", "cuda", prepare}}; }

}  // namespace graphrun::ops::channel_dot
