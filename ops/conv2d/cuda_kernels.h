#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "graphrun/kernel/kernel.h"
#include "ops/conv2d/cuda_layout.h"
#include "ops/conv2d/geometry.h"
#include "runtime/cuda/device.h"

// The GPU's kernels of this room; cuda.cu lists them in their order.
namespace graphrun::ops::conv2d::gpu {

using Prepared = Result<std::unique_ptr<Kernel>>;

// By the libraries.
Prepared prepare_forward(const KernelRequest& request);     // conv2d
Prepared prepare_batch_norm(const KernelRequest& request);  // conv2d_bn with constant variables
Prepared prepare_pyramid(const KernelRequest& request);     // conv2d_bn_pyramid with constant variables
Prepared prepare_grad_data(const KernelRequest& request);
Prepared prepare_grad_weight(const KernelRequest& request);

// Weights by parts of their input channels.
Prepared prepare_slice_weight(const KernelRequest& request);
Prepared prepare_join_weights(const KernelRequest& request);

// By the bodies of body.h.
Prepared prepare_forward_body(const KernelRequest& request);
Prepared prepare_grad_data_body(const KernelRequest& request);
Prepared prepare_grad_weight_body(const KernelRequest& request);
// Kernels for transposed convolutions.
Prepared prepare_transpose(const KernelRequest& request);
Prepared prepare_transpose_grad_data(const KernelRequest& request);
Prepared prepare_transpose_grad_weight(const KernelRequest& request);
// Kernels for as many groups as channels.
Prepared prepare_depthwise(const KernelRequest& request);
Prepared prepare_depthwise_batch_norm(const KernelRequest& request);
Prepared prepare_depthwise_grad_data(const KernelRequest& request);
Prepared prepare_depthwise_grad_weight(const KernelRequest& request);

// Channels of a pixel for the libraries: whole pieces of 16 bytes.
inline std::int64_t filled(std::int64_t channels, DType type) {
  const std::int64_t piece = 16 / static_cast<std::int64_t>(size_of(type));
  return (channels + piece - 1) / piece * piece;
}
// Whether the libraries can have the tensor where it is.
inline bool fits(const TensorDesc& desc, DType type) {
  return desc.dtype == type && desc.contiguous() && filled(desc.c(), type) == desc.c();
}
inline std::int64_t filled_bytes(const TensorDesc& desc, DType type) {
  return desc.pixels() * filled(desc.c(), type) * static_cast<std::int64_t>(size_of(type));
}

// The form of the weights; g gets the channels that the libraries see. Groups are declined where that would
// put filling between them.
inline Result<WeightLayout> library_form(Geometry& g, DType type) {
  const std::int64_t outputs = filled(g.o, type), channels = filled(g.c, type);
  if (g.groups > 1) {
    if (outputs != g.o || channels != g.c)
      return {ErrorCode::declined, "groups of channels that are no whole pieces of 16 bytes"};
    return weight_form(g.o, g.group_channels(), g.kernel_positions(), g.o, g.group_channels());
  }
  const WeightLayout form = weight_form(g.o, g.c, g.kernel_positions(), outputs, channels);
  g.o = outputs;
  g.c = channels;
  return form;
}

// Declines activations that are not of `type`, except that an image of f32 may meet bf16: packing converts.
inline Status require_types(DType type, const TensorDesc& read) {
  const bool narrow = type == DType::bf16;
  if (!narrow && type != DType::f32)
    return {ErrorCode::declined, "computes f32 and bf16, got " + std::string(to_string(type))};
  if (read.dtype == type || (narrow && read.dtype == DType::f32)) return {};
  return {ErrorCode::declined, "activations differ in their type"};
}

// The inputs of conv2d_bn as a fold.
inline Fold fold_of(std::span<const TensorView> inputs, double eps) {
  return {inputs[kBnWeight].as<const float>(), inputs[kBnBias].as<const float>(),
          inputs[kBnMean].as<const float>(), inputs[kBnVar].as<const float>(), eps};
}
// Key of prepared weights: the digits tell every eps from every other.
inline std::string fold_key(double eps) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "batch norm %a", eps);
  return digits;
}
// Declines conv2d_bn and conv2d_bn_pyramid unless what is folded is constant.
inline Status require_constants(const KernelRequest& request) {
  for (std::size_t i = kWeight; i <= kBnVar; ++i) {
    if (request.input_present[i] && !request.input_constant[i])
      return {ErrorCode::declined, "folds batch norm into constant weights only"};
  }
  return {};
}

}  // namespace graphrun::ops::conv2d::gpu
