#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/layer_norm/body.h"

namespace graphrun::ops::layer_norm {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
Prepared prepare_forward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  using Body = LayerNorm<T>;
  Body body{};
  body.channels = x.c();
  body.eps = static_cast<float>(request.attrs.real("eps"));
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Body& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const T>();
    to.weight = run.inputs[1].as<const float>();
    to.bias = run.inputs[2].as<const float>();
    to.y = run.outputs[0].as<T>();
  };
  return make_body_kernel("layer_norm", body, bind, x.pixels(), 3 * x.c(), request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"layer_norm", "layer_norm", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::layer_norm
