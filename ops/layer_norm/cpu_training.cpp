#include "ops/common/add_pieces.h"
#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/layer_norm/body.h"

namespace graphrun::ops::layer_norm {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class Body>
void for_each(int threads, std::int64_t count, std::int64_t grain, const Body& body) {
  cpu::parallel_for(threads, count, grain,
                    [&](std::int64_t begin, std::int64_t end) { body_loop(body, begin, end); });
}

template <class T>
Prepared prepare_backward(const KernelRequest& request) {
  const TensorDesc& x = request.inputs[1];
  const Pieces pieces(x.pixels());
  ScratchPlan plan;
  const std::int64_t moments_at = plan.add(x.pixels() * static_cast<std::int64_t>(sizeof(Moments)));
  const std::int64_t sums_at = plan.add(pieces.count * 2 * x.c() * static_cast<std::int64_t>(sizeof(double)));
  const auto eps = static_cast<float>(request.attrs.real("eps"));
  return make_function_kernel(
      "layer_norm_grad", plan.bytes(),
      [pieces, moments_at, sums_at, eps, threads = request.threads](const KernelRun& run) {
        const TensorView& gy = run.inputs[0];
        const TensorView& from = run.inputs[1];
        const TensorView& gx = run.outputs[0];
        const std::int64_t channels = from.desc.c(), pixels = from.desc.pixels();
        auto* const moments = scratch_at<Moments>(run.scratch, moments_at);
        const LayerNormGrad<T> grad{channels,
                                    eps,
                                    gy.desc.pixel_stride,
                                    from.desc.pixel_stride,
                                    gx.desc.pixel_stride,
                                    gy.as<const T>(),
                                    from.as<const T>(),
                                    run.inputs[2].as<const float>(),
                                    gx.as<T>(),
                                    moments};
        for_each(threads, pixels, std::max<std::int64_t>(1, 8192 / channels), grad);
        if (run.outputs[1].data == nullptr && run.outputs[2].data == nullptr) return;
        auto* const sums = scratch_at<double>(run.scratch, sums_at);
        const std::int64_t blocks = block_count(channels, kCpuBlock);
        const SumPixels<kCpuBlock, T> sum{channels,
                                          blocks,
                                          pixels,
                                          pieces.piece,
                                          gy.desc.pixel_stride,
                                          from.desc.pixel_stride,
                                          gy.as<const T>(),
                                          from.as<const T>(),
                                          moments,
                                          sums};
        for_each(threads, pieces.count * blocks, 1, sum);
        const AddPieces add{channels, pieces.count, sums, run.outputs[1].as<float>(),
                            run.outputs[2].as<float>()};
        for_each(threads, channels, 64, add);
      });
}

}  // namespace

std::vector<KernelEntry> cpu_training_kernels() {
  return {{"layer_norm_grad", "layer_norm_grad", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_backward<T>(request); });
           }}};
}

}  // namespace graphrun::ops::layer_norm
