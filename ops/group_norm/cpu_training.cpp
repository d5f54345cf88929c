#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/group_norm/forms.h"

namespace graphrun::ops::group_norm {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
Prepared prepare_backward(const KernelRequest& request) {
  return make_function_kernel(
      "group_norm_grad", scratch_of(request.inputs[1]),
      [form = backward_form<T>(request), threads = request.threads](const KernelRun& run) {
        const GroupNormGrad<T> grad = bound(form, run);
        cpu::parallel_for(threads, run.inputs[1].desc.n() * grad.groups.groups, 1,
                          [&](std::int64_t begin, std::int64_t end) { body_loop(grad, begin, end); });
        body_loop(sum_of(run), 0, grad.groups.channels);
      });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"group_norm_grad", "group_norm_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::group_norm
