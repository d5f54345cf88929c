#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/group_norm/forms.h"

namespace graphrun::ops::group_norm {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
Prepared prepare_forward(const KernelRequest& request) {
  const GroupNorm<T> body = forward_form<T>(request);
  const auto bind = [](GroupNorm<T>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.weight = run.inputs[1].as<const float>();
    to.bias = run.inputs[2].as<const float>();
    to.y = run.outputs[0].as<T>();
  };
  return make_body_kernel("group_norm", body, bind, request.inputs[0].n() * body.groups.groups,
                          3 * body.groups.pixels * body.groups.size(), request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"group_norm", "group_norm", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::group_norm
