#include "ops/common/add_pieces.h"
#include "ops/common/compute_type.h"
#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/layer_norm/body.h"

namespace graphrun::ops::layer_norm {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

Prepared prepare_forward(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    const TensorDesc& x = request.inputs[0];
    using Body = LayerNorm<T>;
    Body body{};
    body.channels = x.c();
    body.eps = static_cast<float>(request.attrs.real("eps"));
    body.x_stride = x.pixel_stride;
    body.y_stride = request.outputs[0].pixel_stride;
    const auto bind = [](Body& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.weight = run.inputs[1].template as<const float>();
      to.bias = run.inputs[2].template as<const float>();
      to.y = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, x.pixels());
  });
}

Prepared prepare_backward(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    constexpr int kBlock = 1;  // more would lie in local memory
    const TensorDesc& x = request.inputs[1];
    const Pieces pieces(x.pixels());
    ScratchPlan plan;
    const std::int64_t moments_at = plan.add(x.pixels() * static_cast<std::int64_t>(sizeof(Moments)));
    const std::int64_t sums_at =
        plan.add(pieces.count * 2 * x.c() * static_cast<std::int64_t>(sizeof(double)));
    const auto eps = static_cast<float>(request.attrs.real("eps"));
    auto run = [&device = device_of(request), pieces, moments_at, sums_at,
                eps](const KernelRun& io) -> Status {
      const TensorView& gy = io.inputs[0];
      const TensorView& from = io.inputs[1];
      const TensorView& gx = io.outputs[0];
      const std::int64_t channels = from.desc.c(), pixels = from.desc.pixels();
      auto* const moments = scratch_at<Moments>(io.scratch, moments_at);
      const LayerNormGrad<T> grad{channels,
                                  eps,
                                  gy.desc.pixel_stride,
                                  from.desc.pixel_stride,
                                  gx.desc.pixel_stride,
                                  gy.template as<const T>(),
                                  from.template as<const T>(),
                                  io.inputs[2].template as<const float>(),
                                  gx.template as<T>(),
                                  moments};
      GRAPHRUN_TRY(cuda::for_each(device.stream(), pixels, grad, "layer_norm_grad"));
      if (io.outputs[1].data == nullptr && io.outputs[2].data == nullptr) return {};
      auto* const sums = scratch_at<double>(io.scratch, sums_at);
      const SumPixels<kBlock, T> sum{channels,
                                     channels,
                                     pixels,
                                     pieces.piece,
                                     gy.desc.pixel_stride,
                                     from.desc.pixel_stride,
                                     gy.template as<const T>(),
                                     from.template as<const T>(),
                                     moments,
                                     sums};
      GRAPHRUN_TRY(cuda::for_each(device.stream(), pieces.count * channels, sum, "layer_norm_grad sums"));
      const AddPieces add{channels, pieces.count, sums, io.outputs[1].template as<float>(),
                          io.outputs[2].template as<float>()};
      return cuda::for_each(device.stream(), channels, add, "layer_norm_grad");
    };
    return make_function_kernel("cuda", plan.bytes(), std::move(run));
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"layer_norm", "cuda_body", prepare_forward}, {"layer_norm_grad", "cuda", prepare_backward}};
}

}  // namespace graphrun::ops::layer_norm
