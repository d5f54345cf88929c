#include "ops/common/activation.h"
#include "ops/common/cuda_kernel.cuh"
#include "ops/conv2d/body.h"
#include "ops/conv2d/cuda_kernels.h"

namespace graphrun::ops::conv2d {
namespace gpu {
namespace {

constexpr int kBlock = kCudaBlock;

}  // namespace

Prepared prepare_forward_body(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  using Body = Forward<kBlock>;
  Body body{};
  body.g = geometry_of(request.attrs, x, y);
  body.blocks = blocks_of(y.c(), kBlock);
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](Body& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const float>();
    to.weight = run.inputs[1].as<const float>();
    to.bias = run.inputs[2].as<const float>();
    to.y = run.outputs[0].as<float>();
  };
  return make_cuda_body_kernel(request, "body", body, bind, y.pixels() * body.blocks);
}

Prepared prepare_grad_data_body(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  using Body = GradData<kBlock>;
  Body body{};
  body.g = geometry_of(request.attrs, gx, gy);
  body.blocks = blocks_of(gx.c(), kBlock);
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  const auto bind = [](Body& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const float>();
    to.weight = run.inputs[1].as<const float>();
    to.gx = run.outputs[0].as<float>();
  };
  return make_cuda_body_kernel(request, "body", body, bind, gx.pixels() * body.blocks);
}

namespace {

// The weight's gradient by its body, the bias' by the sum that all kernels use.
class GradWeightByBody final : public Kernel {
 public:
  GradWeightByBody(const GradWeight<kBlock>& body, const KernelRequest& request)
      : device_(device_of(request)),
        body_(body),
        bias_bytes_(request.output_present[1] ? pixel_sum_bytes(request.inputs[0]) : 0) {}
  std::string_view name() const override { return "body"; }
  std::int64_t scratch_bytes() const override { return bias_bytes_; }
  Status run(const KernelRun& run) override {
    GradWeight<kBlock> body = body_;
    body.gy = run.inputs[0].as<const float>();
    body.x = run.inputs[1].as<const float>();
    body.gweight = run.outputs[0].as<float>();
    if (body.gweight != nullptr)
      GRAPHRUN_TRY(cuda::for_each(device_.stream(), body.g.o * body.g.kernel_positions() * body.blocks, body,
                                  "gradient by body"));
    if (bias_bytes_ == 0) return {};
    return sum_over_pixels(device_.stream(), run.inputs[0], run.scratch, run.outputs[1].as<float>());
  }

 private:
  cuda::Device& device_;
  GradWeight<kBlock> body_;
  std::int64_t bias_bytes_;
};

}  // namespace

Prepared prepare_grad_weight_body(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& x = request.inputs[1];
  GradWeight<kBlock> body{};
  body.g = geometry_of(request.attrs, x, gy);
  body.blocks = blocks_of(body.g.group_channels(), kBlock);
  body.gy_stride = gy.pixel_stride;
  body.x_stride = x.pixel_stride;
  return std::unique_ptr<Kernel>(std::make_unique<GradWeightByBody>(body, request));
}

}  // namespace gpu

std::vector<KernelEntry> cuda_kernels() {
  return {{"conv2d", "depthwise", gpu::prepare_depthwise},
          {"conv2d", "library", gpu::prepare_forward},
          {"conv2d", "body", gpu::prepare_forward_body},
          {"conv2d_bn", "depthwise", gpu::prepare_depthwise_batch_norm},
          {"conv2d_bn", "library", gpu::prepare_batch_norm},
          {"conv2d_bn_pyramid", "pyramid", gpu::prepare_pyramid},
          {"slice_weight", "cuda", gpu::prepare_slice_weight},
          {"join_weights", "cuda", gpu::prepare_join_weights},
          {"conv2d_grad_data", "depthwise", gpu::prepare_depthwise_grad_data},
          {"conv2d_grad_data", "library", gpu::prepare_grad_data},
          {"conv2d_grad_data", "body", gpu::prepare_grad_data_body},
          {"conv2d_grad_weight", "depthwise", gpu::prepare_depthwise_grad_weight},
          {"conv2d_grad_weight", "library", gpu::prepare_grad_weight},
          {"conv2d_grad_weight", "body", gpu::prepare_grad_weight_body},
          {"conv_transpose2d", "cuda", gpu::prepare_transpose},
          {"conv_transpose2d_grad_data", "cuda", gpu::prepare_transpose_grad_data},
          {"conv_transpose2d_grad_weight", "cuda", gpu::prepare_transpose_grad_weight}};
}

}  // namespace graphrun::ops::conv2d
