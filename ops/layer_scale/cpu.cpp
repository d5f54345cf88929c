#include "ops/common/body_kernel.h"
#include "ops/common/compute_type.h"
#include "ops/common/function_kernel.h"
#include "ops/common/scratch.h"
#include "ops/layer_scale/body.h"
#include "runtime/cpu/simd.h"

namespace graphrun::ops::layer_scale {
namespace {

using Prepared = Result<std::unique_ptr<Kernel>>;

template <class Body>
[[gnu::flatten]] GRAPHRUN_SIMD void loop(const Body& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

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
  return make_body_kernel("layer_scale", body, bind, loop<Body>, x.pixels() * body.blocks, 2 * kCpuBlock,
                          request.threads);
}

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
                          [&](std::int64_t begin, std::int64_t end) { loop(sum, begin, end); });
        loop(AddWeightPieces{channels, pieces.count, sums, run.outputs[0].as<float>()}, 0, channels);
      });
}

}  // namespace

std::vector<KernelEntry> cpu_kernels() {
  return {{"layer_scale", "layer_scale",
           [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_forward<T>(request); });
           }},
          {"layer_scale_grad_weight", "layer_scale_grad_weight", [](const KernelRequest& request) {
             return for_activation_type(request, [&]<class T>(T) { return prepare_grad_weight<T>(request); });
           }}};
}

}  // namespace graphrun::ops::layer_scale
