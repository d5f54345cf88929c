#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/strip_pool/body.h"

namespace graphrun::ops::strip_pool {
namespace {

constexpr int kBlock = 512;
template <class T>
using Backward = StripPoolGrad<kBlock, T>;

template <class T>
Result<std::unique_ptr<Kernel>> prepare_backward(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  Backward<T> body{};
  body.strips = {gx.h(), gx.w(), request.attrs.text("axis") == "row"};
  body.channels = gx.c();
  body.blocks = block_count(gx.c(), kBlock);
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  const auto bind = [](Backward<T>& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const T>();
    to.gx = run.outputs[0].as<T>();
  };
  const std::int64_t work = std::min<std::int64_t>(gx.c(), kBlock);
  return make_body_kernel("strip_pool_grad", body, bind, gx.pixels() * body.blocks, work, request.threads);
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"strip_pool_grad", "strip_pool_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::strip_pool
