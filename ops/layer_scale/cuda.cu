#include "ops/common/compute_type.h"
#include "ops/common/cuda_kernel.cuh"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/layer_scale/body.h"

namespace graphrun::ops::layer_scale {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

Prepared prepare_forward(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    using Body = Scale<1, T>;
    const TensorDesc& x = request.inputs[0];
    const Body body{x.c(), x.c(), x.pixel_stride, request.outputs[0].pixel_stride, nullptr, nullptr, nullptr};
    const auto bind = [](Body& to, const KernelRun& run) {
      to.x = run.inputs[0].template as<const T>();
      to.weight = run.inputs[1].template as<const float>();
      to.y = run.outputs[0].template as<T>();
    };
    return make_cuda_body_kernel<Body>(request, "cuda_body", body, bind, x.pixels() * x.c());
  });
}

Prepared prepare_grad_weight(const KernelRequest& request) {
  return for_activation_type(request, [&]<class T>(T) -> Prepared {
    const TensorDesc& gy = request.inputs[0];
    const Pieces pieces(gy.pixels());
    const std::int64_t bytes = pieces.count * gy.c() * static_cast<std::int64_t>(sizeof(double));
    auto run = [&device = device_of(request), pieces](const KernelRun& io) -> Status {
      const TensorView& g = io.inputs[0];
      const TensorView& x = io.inputs[1];
      const std::int64_t channels = g.desc.c();
      auto* const sums = scratch_at<double>(io.scratch, 0);
      const SumPixels<1, T> sum{channels,
                                channels,
                                g.desc.pixels(),
                                pieces.piece,
                                g.desc.pixel_stride,
                                x.desc.pixel_stride,
                                g.template as<const T>(),
                                x.template as<const T>(),
                                sums};
      GRAPHRUN_TRY(
          cuda::for_each(device.stream(), pieces.count * channels, sum, "layer_scale_grad_weight sums"));
      const AddWeightPieces add{channels, pieces.count, sums, io.outputs[0].template as<float>()};
      return cuda::for_each(device.stream(), channels, add, "layer_scale_grad_weight");
    };
    return make_function_kernel("cuda", bytes, std::move(run));
  });
}

}  // namespace

std::vector<KernelEntry> cuda_kernels() {
  return {{"layer_scale", "cuda_body", prepare_forward},
          {"layer_scale_grad_weight", "cuda", prepare_grad_weight}};
}

}  // namespace graphrun::ops::layer_scale
