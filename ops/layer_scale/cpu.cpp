#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/layer_scale/body.h"

namespace graphrun::ops::layer_scale {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
Prepared prepare_forward(const KernelRequest& request) {
  using Body = Scale<kCpuBlock, T>;
  const TensorDesc& x = request.inputs[0];
  const Body body{x.c(),          block_count(x.c(), kCpuBlock),
                  x.pixel_stride, request.outputs[0].pixel_stride,
                  nullptr,        nullptr,
                  nullptr};
  const auto bind = [](Body& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.weight = run.inputs[1].as<const float>();
    to.y = run.outputs[0].as<T>();
  };
  return make_body_kernel("layer_scale", body, bind, x.pixels() * body.blocks, 2 * kCpuBlock,
                          request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"layer_scale", "layer_scale", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::layer_scale
