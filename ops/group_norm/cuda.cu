#include "ops/common/compute_type.h"
#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"
#include "ops/group_norm/forms.h"

namespace graphrun::ops::group_norm {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

Prepared prepare_forward(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    const GroupNorm<T> body = forward_form<T>(request);
    const auto bind = [](GroupNorm<T>& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.weight = run.inputs[1].template as<const float>();
      to.bias = run.inputs[2].template as<const float>();
      to.y = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<GroupNorm<T>>(request, "cuda_body", body, bind,
                                               request.inputs[0].n() * body.groups.groups);
  });
}

Prepared prepare_backward(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    auto run = [&device = device_of(request),
                form = backward_form<T>(request)](const KernelRun& io) -> Status {
      const GroupNormGrad<T> grad = bound(form, io);
      GRAPHRUN_TRY(cuda::for_each(device.stream(), io.inputs[1].desc.n() * grad.groups.groups, grad,
                                  "group_norm_grad"));
      return cuda::for_each(device.stream(), grad.groups.channels, sum_of(io), "group_norm_grad");
    };
    return make_function_kernel("cuda", scratch_of(request.inputs[1]), std::move(run));
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"group_norm", "cuda_body", prepare_forward}, {"group_norm_grad", "cuda", prepare_backward}};
}

}  // namespace graphrun::ops::group_norm
