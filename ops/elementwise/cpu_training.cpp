#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/elementwise/forms.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::elementwise {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
using Reduce = ReduceTo<kCpuBlock, T>;
template <class Body>
GRAPHRUN_SIMD void reduce_loop(const Body& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

template <class T, class Body>
Prepared make_reduction(const KernelRequest& request, const Body& body, std::int64_t count) {
  return make_function_kernel(
      request.def.name, 0, [body, count, threads = request.threads](const KernelRun& run) {
        Body bound = body;
        bound.x = run.inputs[0].as<const T>();
        bound.y = run.outputs[0].as<T>();
        cpu::parallel_for(threads, count, 4,
                          [&](std::int64_t begin, std::int64_t end) { reduce_loop(bound, begin, end); });
      });
}

Prepared prepare_reduce_to(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  return for_activation_type(request, [&]<class T>(T) {
    if (sums_channels(x, y))
      return make_reduction<T>(request, reduction<ReduceChannels<T>>(x, y), y.pixels());
    const Reduce<T> body = reduce_to<kCpuBlock, T>(x, y);
    return make_reduction<T>(request, body, y.pixels() * body.blocks);
  });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() { return {{"reduce_to", "cpu", prepare_reduce_to}}; }

}  // namespace graphrun::ops::elementwise
