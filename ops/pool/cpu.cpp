#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/pool/average.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::pool {
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

template <class Body>
[[gnu::flatten]] GRAPHRUN_SIMD void average_loop(const Body& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

template <class T>
Result<std::unique_ptr<Kernel>> prepare_average(const KernelRequest& request) {
  using Body = AvgPool<kCpuBlock, T>;
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  auto body = average_form<Body>(request.attrs, x, y, block_count(y.c(), kCpuBlock));
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Body& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.y = run.outputs[0].as<T>();
  };
  const std::int64_t work = kCpuBlock * body.window.kernel_h * body.window.kernel_w;
  return make_body_kernel("avg_pool", body, bind, average_loop<Body>, y.pixels() * body.blocks, work,
                          request.threads);
}

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
  return make_body_kernel("avg_pool_grad", body, bind, average_loop<Body>, gx.pixels() * body.blocks, kWork,
                          request.threads);
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
          {"avg_pool", "avg_pool",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_average<T>(request); });
           }},
          {"avg_pool_grad", "avg_pool_grad",
           [](const KernelRequest& request) {
             return for_activation_type(request,
                                        [&]<class T>(T) { return prepare_average_grad<T>(request); });
           }},
          {"max_pool_grad", "max_pool_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::pool
