#include "ops/adaptive_avg_pool/body.h"
#include "ops/common/cuda_region_gradients.cuh"

namespace graphrun::ops::adaptive_avg_pool {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

// Channels of one index of a body: more would lie in local memory.
constexpr int kBodyBlock = 1;

// Takes any size.
Prepared prepare_forward_body(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = AdaptiveAvgPool<kBodyBlock, T>;
    const TensorDesc& x = request.inputs[0];
    const TensorDesc& y = request.outputs[0];
    const int64_t blocks = blocks_of(x.c(), kBodyBlock);
    const Body body{{x.h(), y.h()}, {x.w(), y.w()}, x.c(),   blocks,
                    x.pixel_stride, y.pixel_stride, nullptr, nullptr};
    const auto bind = [](Body& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.y = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, y.pixels() * blocks);
  });
}

Prepared prepare_backward_body(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = AdaptiveAvgPoolGrad<kBodyBlock, T>;
    const TensorDesc& gy = request.inputs[0];
    const TensorDesc& gx = request.outputs[0];
    const int64_t blocks = blocks_of(gx.c(), kBodyBlock);
    const Body body{{gx.h(), gy.h()}, {gx.w(), gy.w()}, gx.c(),  blocks,
                    gy.pixel_stride,  gx.pixel_stride,  nullptr, nullptr};
    const auto bind = [](Body& to, const KernelRun& run) {
      to.gy = run.inputs[0].template as<const T>();
      to.gx = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, gx.pixels() * blocks);
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"adaptive_avg_pool", "cuda", prepare_region_means},
          {"adaptive_avg_pool", "cuda_body", prepare_forward_body},
          {"adaptive_avg_pool_grad", "cuda", prepare_region_mean_gradients},
          {"adaptive_avg_pool_grad", "cuda_body", prepare_backward_body}};
}

}  // namespace graphrun::ops::adaptive_avg_pool
