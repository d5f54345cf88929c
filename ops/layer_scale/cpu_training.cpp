#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/layer_scale/body.h"

namespace graphrun::ops::layer_scale {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class T>
Prepared prepare_grad_weight(const KernelRequest& request) {
  const TensorDesc& gy = request.inputs[0];
  const Pieces pieces(gy.pixels());
  const std::int64_t bytes = pieces.count * gy.c() * static_cast<std::int64_t>(sizeof(double));
  return make_function_kernel(
      "layer_scale_grad_weight", bytes, [pieces, threads = request.threads](const KernelRun& run) {
        const TensorView& g = run.inputs[0];
        const TensorView& x = run.inputs[1];
        const std::int64_t channels = g.desc.c(), blocks = block_count(channels, kCpuBlock);
        auto* const sums = scratch_at<double>(run.scratch, 0);
        const SumPixels<kCpuBlock, T> sum{channels,
                                          blocks,
                                          g.desc.pixels(),
                                          pieces.piece,
                                          g.desc.pixel_stride,
                                          x.desc.pixel_stride,
                                          g.as<const T>(),
                                          x.as<const T>(),
                                          sums};
        cpu::parallel_for(threads, pieces.count * blocks, 1,
                          [&](std::int64_t begin, std::int64_t end) { body_loop(sum, begin, end); });
        body_loop(AddWeightPieces{channels, pieces.count, sums, run.outputs[0].as<float>()}, 0, channels);
      });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"layer_scale_grad_weight", "layer_scale_grad_weight", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_grad_weight<T>(request); });
           }}};
}

}  // namespace graphrun::ops::layer_scale
