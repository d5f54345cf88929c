#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/group_norm/forms.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::group_norm {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class Body>
[[gnu::flatten]] GRAPHRUN_SIMD void loop(const Body& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

template <class T>
Prepared prepare_forward(const KernelRequest& request) {
  const GroupNorm<T> body = forward_form<T>(request);
  const auto bind = [](GroupNorm<T>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.weight = run.inputs[1].as<const float>();
    to.bias = run.inputs[2].as<const float>();
    to.y = run.outputs[0].as<T>();
  };
  return make_body_kernel("group_norm", body, bind, loop<GroupNorm<T>>,
                          request.inputs[0].n() * body.groups.groups,
                          3 * body.groups.pixels * body.groups.size(), request.threads);
}

template <class T>
Prepared prepare_backward(const KernelRequest& request) {
  return make_function_kernel(
      "group_norm_grad", scratch_of(request.inputs[1]),
      [form = backward_form<T>(request), threads = request.threads](const KernelRun& run) {
        const GroupNormGrad<T> grad = bound(form, run);
        cpu::parallel_for(threads, run.inputs[1].desc.n() * grad.groups.groups, 1,
                          [&](std::int64_t begin, std::int64_t end) { loop(grad, begin, end); });
        loop(sum_of(run), 0, grad.groups.channels);
      });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"group_norm", "group_norm",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"group_norm_grad", "group_norm_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::group_norm
