#include "ops/common/cuda_region_gradients.cuh"
#include "ops/strip_pool/body.h"

// Strips are regions of a grid with one bin along their axis.
namespace graphrun::ops::strip_pool {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

Strips strips_of(const KernelRequest& request, const TensorDesc& x) {
  return {x.h(), x.w(), request.attrs.text("axis") == "row"};
}

// Takes any size.
Prepared prepare_forward_body(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = StripPool<kCudaBlock, T>;
    const TensorDesc& x = request.inputs[0];
    const TensorDesc& y = request.outputs[0];
    const int64_t blocks = blocks_of(x.c(), kCudaBlock);
    const Body body{strips_of(request, x), x.c(), blocks, x.pixel_stride, y.pixel_stride, nullptr, nullptr};
    const auto bind = [](Body& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.y = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, y.pixels() * blocks);
  });
}

Prepared prepare_backward_body(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = StripPoolGrad<kCudaBlock, T>;
    const TensorDesc& gy = request.inputs[0];
    const TensorDesc& gx = request.outputs[0];
    const int64_t blocks = blocks_of(gx.c(), kCudaBlock);
    const Body body{strips_of(request, gx), gx.c(),  blocks, gy.pixel_stride,
                    gx.pixel_stride,        nullptr, nullptr};
    const auto bind = [](Body& to, const KernelRun& run) {
      to.gy = run.inputs[0].template as<const T>();
      to.gx = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, gx.pixels() * blocks);
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"strip_pool", "cuda", prepare_region_means},
          {"strip_pool", "cuda_body", prepare_forward_body},
          {"strip_pool_grad", "cuda", prepare_region_mean_gradients},
          {"strip_pool_grad", "cuda_body", prepare_backward_body}};
}

}  // namespace graphrun::ops::strip_pool
