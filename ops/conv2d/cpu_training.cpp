#include <algorithm>

#include "ops/common/activation.h"
#include "ops/common/body_kernel.h"
#include "ops/conv2d/cpu_training_kernels.h"

namespace graphrun::ops::conv2d {
namespace {

constexpr int kBlock = kCpuBlock;
using GradWeightBody = GradWeight<kBlock>;
template <class T>
using SumBody = SumPixels<kBlock, T>;

GRAPHRUN_SIMD void grad_weight_loop(const GradWeightBody& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

constexpr std::int64_t kPixelsOfPiece = 1024;

template <class T>
void sum_pieces(const TensorView& gy, double* partial, std::int64_t pieces, int threads) {
  const TensorDesc& desc = gy.desc;
  const SumBody<T> body{desc.pixels(),     kPixelsOfPiece,   desc.c(), block_count(desc.c(), kBlock),
                        desc.pixel_stride, gy.as<const T>(), partial};
  cpu::parallel_for(threads, pieces * body.blocks, 1,
                    [&](std::int64_t begin, std::int64_t end) { body_loop(body, begin, end); });
}

// The weight's gradient by its body, the bias' by the sum that all kernels use.
class GradWeightByBody final : public Kernel {
 public:
  GradWeightByBody(const GradWeightBody& body, const KernelRequest& request)
      : body_(body),
        bias_bytes_(request.output_present[1] ? bias_scratch_bytes(request.inputs[0]) : 0),
        threads_(request.threads) {}
  std::string_view name() const override { return "body"; }
  std::int64_t scratch_bytes() const override { return bias_bytes_; }
  Status run(const KernelRun& run) override {
    GradWeightBody body = body_;
    body.gy = run.inputs[0].as<const float>();
    body.x = run.inputs[1].as<const float>();
    body.gweight = run.outputs[0].as<float>();
    if (body.gweight != nullptr) {
      cpu::parallel_for(threads_, body.g.o * body.g.kernel_positions() * body.blocks, 1,
                        [&](std::int64_t begin, std::int64_t end) { grad_weight_loop(body, begin, end); });
    }
    if (bias_bytes_ > 0)
      sum_pixels(run.inputs[0], run.outputs[1].as<float>(), scratch_at<double>(run.scratch, 0), threads_);
    return {};
  }

 private:
  GradWeightBody body_;
  std::int64_t bias_bytes_;
  int threads_;
};

}  // namespace

std::int64_t bias_scratch_bytes(const TensorDesc& gy) {
  return cpu::piece_count(gy.pixels(), kPixelsOfPiece) * gy.c() * static_cast<std::int64_t>(sizeof(double));
}

void sum_pixels(const TensorView& gy, float* gbias, double* partial, int threads) {
  const TensorDesc& desc = gy.desc;
  const std::int64_t pieces = cpu::piece_count(desc.pixels(), kPixelsOfPiece);
  desc.dtype == DType::bf16 ? sum_pieces<BFloat16>(gy, partial, pieces, threads)
                            : sum_pieces<float>(gy, partial, pieces, threads);
  for (std::int64_t o = 0; o < desc.c(); ++o) {
    double sum = 0;
    for (std::int64_t piece = 0; piece < pieces; ++piece) sum += partial[piece * desc.c() + o];
    gbias[o] = static_cast<float>(sum);
  }
}

Prepared prepare_grad_weight_body(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& x = request.inputs[1];
  GradWeightBody body{};
  body.g = geometry_of(request.attrs, x, gy);
  body.blocks = block_count(body.g.group_channels(), kBlock);
  body.gy_stride = gy.pixel_stride;
  body.x_stride = x.pixel_stride;
  return std::unique_ptr<Kernel>(std::make_unique<GradWeightByBody>(body, request));
}

// Asked before those of cpu.cpp, which for conv2d and conv_transpose2d has what is best for constant weights.
std::vector<KernelEntry> cpu_training_kernels() {
  return {{"conv2d", "winograd", prepare_winograd_forward},
          {"conv2d_grad_data", "depthwise", prepare_depthwise_grad_data},
          {"conv2d_grad_data", "winograd", prepare_winograd_grad_data},
          // The library convolves forward faster than it computes this gradient.
          {"conv2d_grad_data", "turned", prepare_grad_data_turned},
          {"conv2d_grad_data", "onednn", prepare_grad_data},
          {"conv2d_grad_data", "body", prepare_grad_data_body},
          {"conv2d_grad_weight", "depthwise", prepare_depthwise_grad_weight},
          {"conv2d_grad_weight", "winograd", prepare_winograd_grad_weight},
          {"conv2d_grad_weight", "products", prepare_grad_weight_products},
          {"conv2d_grad_weight", "pixels", prepare_grad_weight_pixels},
          {"conv2d_grad_weight", "onednn", prepare_grad_weight},
          {"conv2d_grad_weight", "body", prepare_grad_weight_body},
          {"conv_transpose2d", "winograd", prepare_transpose_by_winograd},
          {"conv_transpose2d_grad_data", "cpu", prepare_transpose_grad_data},
          {"conv_transpose2d_grad_weight", "cpu", prepare_transpose_grad_weight}};
}

}  // namespace graphrun::ops::conv2d
