#include "ops/common/activation.h"
#include "ops/common/body_kernel.h"
#include "ops/conv2d/kernels.h"

namespace graphrun::ops::conv2d {
namespace {

constexpr int kBlock = kCpuBlock;
using ForwardBody = Forward<kBlock>;
using GradDataBody = GradData<kBlock>;

GRAPHRUN_SIMD void forward_loop(const ForwardBody& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}
GRAPHRUN_SIMD void grad_data_loop(const GradDataBody& body, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) body(i);
}

}  // namespace

Prepared prepare_forward_body(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& x = request.inputs[0];
  const TensorDesc& y = request.outputs[0];
  ForwardBody body{};
  body.g = geometry_of(request.attrs, x, y);
  body.blocks = block_count(y.c(), kBlock);
  body.x_stride = x.pixel_stride;
  body.y_stride = y.pixel_stride;
  const auto bind = [](ForwardBody& to, const KernelRun& run) {
    to.x = run.inputs[0].as<const float>();
    to.weight = run.inputs[1].as<const float>();
    to.bias = run.inputs[2].as<const float>();
    to.y = run.outputs[0].as<float>();
  };
  return make_body_kernel("body", body, bind, forward_loop, y.pixels() * body.blocks,
                          body.g.kernel_positions() * body.g.group_channels() * kBlock, request.threads);
}

Prepared prepare_grad_data_body(const KernelRequest& request) {
  GRAPHRUN_TRY(require_f32(request));
  const TensorDesc& gy = request.inputs[0];
  const TensorDesc& gx = request.outputs[0];
  GradDataBody body{};
  body.g = geometry_of(request.attrs, gx, gy);
  body.blocks = block_count(gx.c(), kBlock);
  body.gy_stride = gy.pixel_stride;
  body.gx_stride = gx.pixel_stride;
  const auto bind = [](GradDataBody& to, const KernelRun& run) {
    to.gy = run.inputs[0].as<const float>();
    to.weight = run.inputs[1].as<const float>();
    to.gx = run.outputs[0].as<float>();
  };
  return make_body_kernel("body", body, bind, grad_data_loop, gx.pixels() * body.blocks,
                          body.g.kernel_positions() * body.g.group_outputs() * kBlock, request.threads);
}

std::vector<KernelEntry> cpu_kernels() {
  return {{"conv2d", "depthwise", prepare_depthwise},
          {"conv2d", "tiles", prepare_half_tiles},
          {"conv2d", "onednn", prepare_forward},
          {"conv2d", "body", prepare_forward_body},
          {"conv2d_bn", "depthwise", prepare_depthwise_batch_norm},
          {"conv2d_bn", "winograd", prepare_winograd},
          {"conv2d_bn", "tiles", prepare_batch_norm_half_tiles},
          {"conv2d_bn", "onednn", prepare_batch_norm},
          {"conv2d_bn_pyramid", "pyramid", prepare_pyramid},
          {"conv2d_mixture", "mixture", prepare_mixture},
          {"slice_weight", "slice_weight", prepare_slice_weight},
          {"join_weights", "join_weights", prepare_join_weights},
          {"conv_transpose2d", "cpu", prepare_transpose},
          {"conv2d", "tiles of bytes", prepare_byte_tiles, {}, true},
          {"conv2d", "eight_bits", prepare_eight_bits, {}, true},
          {"conv2d_bn", "tiles of bytes", prepare_batch_norm_byte_tiles, {}, true},
          {"conv2d_bn", "eight_bits", prepare_batch_norm_eight_bits, {}, true},
          {"conv2d_bn_pyramid", "eight_bits", prepare_pyramid_eight_bits, {}, true}};
}

}  // namespace graphrun::ops::conv2d
