#include "ops/channel_dot/body.h"
#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"

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
    return make_body_kernel("channel_dot", make_channel_dot<T>(a, request.inputs[1], request.outputs[0]),
                            bind, a.pixels(), 2 * a.c(), request.threads);
  });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() { return {{"channel_dot", "channel_dot", prepare}}; }

}  // namespace graphrun::ops::channel_dot
