#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <span>

#include "graphrun/kernel/kernel.h"
#include "ops/common/scratch.h"
#include "ops/conv2d/body.h"
#include "ops/conv2d/definition.h"
#include "ops/conv2d/geometry.h"

// CPU kernels of this room that inference needs; cpu.cpp lists them in their order. Gradients by the data are
// the transposed convolution, too.
namespace graphrun::ops::conv2d {

using Prepared = Result<std::unique_ptr<Kernel>>;
using Prepare = Prepared (*)(const KernelRequest& request);

// By oneDNN.
Prepared prepare_forward(const KernelRequest& request);
Prepared prepare_batch_norm(const KernelRequest& request);  // conv2d_bn with constant variables
// conv2d_bn_pyramid with constant variables; x may be in u8 beside wide levels and a wide y.
Prepared prepare_pyramid(const KernelRequest& request);
Prepared prepare_winograd(const KernelRequest& request);  // conv2d_bn likewise, of 3x3 windows
// By the CPU's matrix units, with constant variables.
Prepared prepare_half_tiles(const KernelRequest& request);  // of bf16
Prepared prepare_batch_norm_half_tiles(const KernelRequest& request);
// Kernels for activations in u8 and weights in s8.
Prepared prepare_byte_tiles(const KernelRequest& request);
Prepared prepare_batch_norm_byte_tiles(const KernelRequest& request);
Prepared prepare_eight_bits(const KernelRequest& request);
Prepared prepare_batch_norm_eight_bits(const KernelRequest& request);
Prepared prepare_pyramid_eight_bits(const KernelRequest& request);
Prepared prepare_grad_data_turned(const KernelRequest& request);
Prepared prepare_grad_data(const KernelRequest& request);
// Kernels for as many groups as channels.
Prepared prepare_depthwise(const KernelRequest& request);
Prepared prepare_depthwise_batch_norm(const KernelRequest& request);
Prepared prepare_depthwise_grad_data(const KernelRequest& request);
// Over a concatenation, by parts of the weight.
Prepared prepare_mixture(const KernelRequest& request);
Prepared prepare_slice_weight(const KernelRequest& request);
Prepared prepare_join_weights(const KernelRequest& request);
// A transposed convolution; by the first of these gradients by the data that takes it.
Prepared prepare_transpose(const KernelRequest& request);
Prepared prepare_transpose_by(const KernelRequest& request, std::span<const Prepare> gradients);
// By the bodies of body.h.
Prepared prepare_forward_body(const KernelRequest& request);
Prepared prepare_grad_data_body(const KernelRequest& request);

inline bool has_residual(const KernelRequest& request) {
  return request.inputs.size() > kResidual && request.input_present[kResidual];
}
// Without data where there is none.
inline TensorView residual_of(const KernelRun& run) {
  return run.inputs.size() > kResidual ? run.inputs[kResidual] : TensorView();
}

// For kernels that prepare all variables: declines others than constant ones, a weight of this type and f32.
inline Status require_constants(const KernelRequest& request, DType weight) {
  for (std::size_t i = kWeight; i < std::min<std::size_t>(request.inputs.size(), kResidual); ++i) {
    if (!request.input_present[i]) continue;
    if (!request.input_constant[i] || request.inputs[i].dtype != (i == kWeight ? weight : DType::f32))
      return {ErrorCode::declined, "prepares constant variables only"};
  }
  return {};
}

// What conv2d_bn adds to conv2d; nothing for conv2d itself.
struct BatchNormForm {
  std::optional<double> eps{};
  bool relu = false;
};
inline BatchNormForm batch_norm_form(const KernelRequest& request) {
  return {request.attrs.real("eps"), request.attrs.text("activation") == "relu"};
}

// What batch norm with running statistics makes of a channel: y = scale x + bias. The inputs are those of
// conv2d_bn, on the host.
class FoldedBatchNorm {
 public:
  FoldedBatchNorm(std::span<const TensorView> inputs, double eps) : inputs_(inputs), eps_(eps) {}
  double scale(std::int64_t o) const { return at(kBnWeight, o) / std::sqrt(at(kBnVar, o) + eps_); }
  // With the convolution's own bias, where it has one.
  double bias(std::int64_t o) const {
    const double shift = inputs_[kBias].data != nullptr ? at(kBias, o) : 0.0;
    return at(kBnBias, o) + (shift - at(kBnMean, o)) * scale(o);
  }

 private:
  double at(Input input, std::int64_t o) const {
    return static_cast<double>(inputs_[input].as<const float>()[o]);
  }
  std::span<const TensorView> inputs_;
  double eps_;
};

// conv2d_bn and conv2d_bn_pyramid: weights are rounded as carry_rounding() does it.
bool carries_rounding(const KernelRequest& request, const Geometry& g);

// The weights of one output and one channel as bf16 holds them, `step` elements apart: what rounding takes
// from one is given to the next.
inline void carry_rounding(float* weights, std::int64_t count, std::int64_t step) {
  float carried = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float wanted = weights[i * step] + carried;
    weights[i * step] = static_cast<float>(BFloat16(wanted));
    carried = wanted - weights[i * step];
  }
}

}  // namespace graphrun::ops::conv2d
