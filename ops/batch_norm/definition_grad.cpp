#include "ops/batch_norm/types.h"

namespace graphrun::ops::batch_norm {
namespace {

// From `x` on: x, mean, inv_std, weight, bias, ...
Status require_forward(std::span<const ValueType* const> inputs) {
  constexpr std::string_view kNames[] = {"mean", "inv_std", "weight", "bias"};
  const Dim& channels = inputs[0]->shape[1];
  for (std::size_t i = 0; i < 4; ++i) GRAPHRUN_TRY(require_per_channel(inputs[1 + i], channels, kNames[i]));
  return {};
}

Status infer_sums(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_forward(inputs.subspan(1)));
  const Dim& channels = inputs[1]->shape[1];
  outputs = {channel_sums(channels), per_channel(channels), per_channel(channels)};
  return {};
}

Status infer_apply(const Attributes&, std::span<const ValueType* const> inputs,
                   std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_forward(inputs.subspan(2)));
  const ValueType& x = *inputs[2];
  GRAPHRUN_TRY(require_shape(*inputs[1], {3, x.shape[1]}, "sums"));
  outputs = {x, x};
  return {};
}

Status infer_eval_grad(const Attributes& attrs, std::span<const ValueType* const> inputs,
                       std::vector<ValueType>& outputs) {
  const ValueType& gy = *inputs[0];
  GRAPHRUN_TRY(require_per_channel(inputs[1], gy.shape[1], "weight"));
  GRAPHRUN_TRY(require_per_channel(inputs[2], gy.shape[1], "var"));
  if (inputs[3] == nullptr && attrs.text("activation") != "none") return {ErrorCode::shape, "y is missing"};
  outputs = {gy, gy};
  return {};
}

// `inputs`, of which the first is gy, and those of bn_apply.
std::vector<InputSpec> with_forward(std::vector<InputSpec> inputs) {
  const std::vector<InputSpec> forward{
      {.name = "x", .doc = "any activation (N, C, H, W)", .type = OperandType::same_as(0)},
      channel_input("mean", "of each channel (C)"),
      channel_input("inv_std", "of each channel (C)"),
      channel_input("weight", "scale of each channel (C)"),
      channel_input("bias", "offset of each channel (C)"),
      {.name = "y",
       .doc = "what bn_apply gave, where it had a residual",
       .type = OperandType::same_as(0),
       .optional = true}};
  inputs.insert(inputs.end(), forward.begin(), forward.end());
  return inputs;
}

}  // namespace

// With xhat = (x - mean) * inv_std, gz = gy where the activation passes it on, and the means over all ranks'
// pixels: gx = weight * inv_std * (gz - mean(gz) - xhat * mean(gz * xhat)), gweight = sum(gz * xhat), gbias =
// sum(gz).
std::vector<const OpDef*> gradient_definitions() {
  static const OpDef sums{
      .name = "bn_grad_sums",
      .doc =
          "Count, sum of gz and sum of gz * xhat of each channel, where gz is gy before "
          "the activation and xhat the normalised x. gweight and gbias are this rank's "
          "sums.",
      .inputs = with_forward({{.name = "gy", .doc = "gradient of bn_apply's y"}}),
      .outputs = {{"sums", "f64 (3, C)", kChannelSums, Reduction::batch_statistics},
                  {.name = "gweight", .doc = "gradient of weight (C)", .type = kPerChannel, .optional = true},
                  {.name = "gbias", .doc = "gradient of bias (C)", .type = kPerChannel, .optional = true}},
      .attrs = {activation_attr()},
      .infer = infer_sums,
      .not_differentiable = kGradientOnce,
      .internal = true};
  static const OpDef apply{
      .name = "bn_grad_apply",
      .doc = "The gradients of bn_apply by x, through the statistics too, and by the residual.",
      .inputs =
          with_forward({{.name = "gy", .doc = "gradient of bn_apply's y"},
                        {.name = "sums", .doc = "f64 (3, C): what bn_grad_sums gave", .type = kChannelSums}}),
      .outputs = {{.name = "gx", .doc = "gradient of x", .optional = true},
                  {.name = "gresidual",
                   .doc = "gradient of the residual: gy before the activation",
                   .optional = true}},
      .attrs = {activation_attr()},
      .infer = infer_apply,
      .not_differentiable = kGradientOnce,
      .in_place = {{0, 0}, {1, 0}},
      .internal = true};
  static const OpDef eval{
      .name = "batch_norm_eval_grad",
      .doc =
          "The gradients of batch_norm_eval by x, gresidual * weight/sqrt(var + eps), and by the residual.",
      .inputs = {{.name = "gy", .doc = "gradient of batch_norm_eval's y"},
                 channel_input("weight", "scale of each channel (C)"),
                 channel_input("var", "variance of each channel (C)"),
                 {.name = "y",
                  .doc = "what batch_norm_eval gave, where it had an activation",
                  .type = OperandType::same_as(0),
                  .optional = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x", .optional = true},
                  {.name = "gresidual",
                   .doc = "gradient of the residual: gy before the activation",
                   .optional = true}},
      .attrs = {eps_attr(), activation_attr()},
      .infer = infer_eval_grad,
      .not_differentiable = kGradientOnce,
      .in_place = {{0, 0}, {1, 0}},
      .internal = true};
  return {&sums, &apply, &eval};
}

}  // namespace graphrun::ops::batch_norm
