#include "ops/batch_norm/types.h"

namespace graphrun::ops::batch_norm {
namespace {

constexpr std::string_view kIncluded = "bn_apply's gradient includes the way through the statistics";

Status infer_moments(const Attributes&, std::span<const ValueType* const> inputs,
                     std::vector<ValueType>& outputs) {
  outputs = {channel_sums(inputs[0]->shape[1])};
  return {};
}

Status infer_finish(const Attributes&, std::span<const ValueType* const> inputs,
                    std::vector<ValueType>& outputs) {
  const Dim& channels = inputs[0]->shape[1];
  GRAPHRUN_TRY(require_shape(*inputs[0], {3, channels}, "moments"));
  GRAPHRUN_TRY(require_per_channel(inputs[1], channels, "running_mean"));
  GRAPHRUN_TRY(require_per_channel(inputs[2], channels, "running_var"));
  outputs.assign(4, per_channel(channels));
  return {};
}

Status infer_apply(const Attributes&, std::span<const ValueType* const> inputs,
                   std::vector<ValueType>& outputs) {
  const ValueType& x = *inputs[0];
  constexpr std::string_view kNames[] = {"mean", "inv_std", "weight", "bias"};
  for (std::size_t i = 0; i < 4; ++i) GRAPHRUN_TRY(require_per_channel(inputs[1 + i], x.shape[1], kNames[i]));
  outputs = {x};
  return {};
}

std::vector<ValueId> apply_gradient(const GradientRequest& request, GraphWriter& graph) {
  const Node& node = request.node;
  const ValueId gy = request.output_gradients[0];
  const ValueId residual = node.inputs[5];
  // Without a residual the mask of the activation follows from x, and y need not be kept.
  const ValueId y = residual == kNoValue ? kNoValue : node.outputs[0];
  const ValueId x = node.inputs[0];
  const ValueId mean = node.inputs[1];
  const ValueId inv_std = node.inputs[2];
  const ValueId weight = node.inputs[3];
  const ValueId bias = node.inputs[4];
  const std::vector<ValueId> sums =
      graph.add("bn_grad_sums", {gy, x, mean, inv_std, weight, bias, y}, node.attrs, "grad_sums");
  std::vector<ValueId> gradients{kNoValue, kNoValue, kNoValue, sums[1], sums[2], kNoValue};
  const auto activation = node.attrs.find("activation");
  const bool is_linear = activation == node.attrs.end() || activation->second == AttrValue("none");
  const bool into_residual = residual != kNoValue && request.needed[5];
  if (into_residual && is_linear) gradients[5] = gy;
  if (request.needed[0] || (into_residual && !is_linear)) {
    const std::vector<ValueId> applied = graph.add(
        "bn_grad_apply", {gy, sums[0], x, mean, inv_std, weight, bias, y}, node.attrs, "grad_apply");
    gradients[0] = applied[0];
    if (into_residual && !is_linear) gradients[5] = applied[1];
  }
  return gradients;
}

}  // namespace

std::vector<const OpDef*> forward_definitions() {
  static const OpDef moments{
      .name = "bn_moments",
      .doc = "Count, sum and sum of squares of each channel over the batch.",
      .inputs = {x_input()},
      .outputs = {{"moments", "f64 (3, C)", kChannelSums, Reduction::batch_statistics}},
      .attrs = {},
      .precision = Precision::always_f32,
      .infer = infer_moments,
      .not_differentiable = kIncluded,
      .internal = true};
  static const OpDef finish{
      .name = "bn_finish",
      .doc =
          "Mean and 1/sqrt(biased variance + eps) from moments; the running statistics move towards mean and "
          "unbiased variance by momentum.",
      .inputs = {{.name = "moments", .doc = "f64 (3, C): count, sum, sum of squares", .type = kChannelSums},
                 channel_input("running_mean", "before this batch (C)"),
                 channel_input("running_var", "before this batch (C)")},
      .outputs = {{.name = "mean", .doc = "of each channel (C)", .type = kPerChannel},
                  {.name = "inv_std", .doc = "of each channel (C)", .type = kPerChannel},
                  {.name = "new_running_mean",
                   .doc = "the new content of running_mean",
                   .type = kPerChannel,
                   .optional = true},
                  {.name = "new_running_var",
                   .doc = "the new content of running_var",
                   .type = kPerChannel,
                   .optional = true}},
      .attrs = {eps_attr(), momentum_attr()},
      .precision = Precision::always_f32,
      .infer = infer_finish,
      .not_differentiable = kIncluded,
      .updates = {{2, 1}, {3, 2}},
      .internal = true};
  static const OpDef apply{.name = "bn_apply",
                           .doc = "y = activation((x - mean) * inv_std * weight + bias + residual).",
                           .inputs = {x_input(), channel_input("mean", "of each channel (C)"),
                                      channel_input("inv_std", "of each channel (C)"),
                                      channel_input("weight", "scale of each channel (C)"),
                                      channel_input("bias", "offset of each channel (C)"), residual_input()},
                           .outputs = {{"y", "of the shape of x"}},
                           .attrs = {activation_attr()},
                           .infer = infer_apply,
                           .gradient = apply_gradient,
                           .in_place = {{0, 0}, {0, 5}},
                           .recompute = true,
                           .internal = true};
  return {&moments, &finish, &apply};
}

}  // namespace graphrun::ops::batch_norm
