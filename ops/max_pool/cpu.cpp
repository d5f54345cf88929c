#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/max_pool/window.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::max_pool {
namespace {

template <class T>
using Forward = MaxPool<kCpuBlock, T>;
template <class T>
using Backward = MaxPoolGrad<kCpuBlock, T>;

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
  const TensorDesc& y = request.outputs[0];
  const auto body = forward_form<Forward<T>>(request, block_count(y.c(), kCpuBlock));
  const auto bind = [](Forward<T>& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<T>();
    to.index = run.outputs[1].as<std::uint8_t>();
  };
  const std::int64_t work = kCpuBlock * body.window.kernel_h * body.window.kernel_w;
  return make_body_kernel("max_pool", body, bind, forward_loop<T>, y.pixels() * body.blocks, work,
                          request.threads);
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
  return make_body_kernel("max_pool_grad", body, bind, backward_loop<T>, gx.pixels() * body.blocks, kWork,
                          request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"max_pool", "max_pool",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"max_pool_grad", "max_pool_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::max_pool
