#include "ops/batch_norm/types.h"

namespace graphrun::ops::batch_norm {
namespace {

// From `x` on: x, mean, inv_std, weight, bias, y or null.
Status require_forward(std::span<const ValueType* const> inputs) {
  const ValueType& x = *inputs[0];
  GRAPHRUN_TRY(require_activation(x, "x"));
  constexpr std::string_view kNames[] = {"mean", "inv_std", "weight", "bias"};
  for (std::size_t i = 0; i < 4; ++i) GRAPHRUN_TRY(require_per_channel(inputs[1 + i], x.shape[1], kNames[i]));
  if (inputs.size() > 5 && inputs[5] != nullptr) GRAPHRUN_TRY(require_same_shape(x, *inputs[5], "y"));
  return {};
}

Status infer_sums(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_forward(inputs.subspan(1)));
  GRAPHRUN_TRY(require_same_shape(*inputs[1], *inputs[0], "gy"));
  const Dim& channels = inputs[1]->shape[1];
  outputs = {channel_sums(channels), per_channel(channels), per_channel(channels)};
  return {};
}

Status infer_apply(const Attributes&, std::span<const ValueType* const> inputs,
                   std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_forward(inputs.subspan(2)));
  const ValueType& x = *inputs[2];
  GRAPHRUN_TRY(require_same_shape(x, *inputs[0], "gy"));
  GRAPHRUN_TRY(require_dense(*inputs[1], DType::f64, {3, x.shape[1]}, "sums"));
  outputs = {x, x};
  return {};
}

Status infer_eval_grad(const Attributes& attrs, std::span<const ValueType* const> inputs,
                       std::vector<ValueType>& outputs) {
  const ValueType& gy = *inputs[0];
  GRAPHRUN_TRY(require_activation(gy, "gy"));
  GRAPHRUN_TRY(require_per_channel(inputs[1], gy.shape[1], "weight"));
  GRAPHRUN_TRY(require_per_channel(inputs[2], gy.shape[1], "var"));
  const ValueType* y = optional_input(inputs, 3);
  if (y != nullptr) GRAPHRUN_TRY(require_same_shape(gy, *y, "y"));
  if (y == nullptr && attrs.text("activation") != "none") return {ErrorCode::shape, "y is missing"};
  outputs = {gy, gy};
  return {};
}

std::vector<InputSpec> with_forward(std::vector<InputSpec> inputs) {
  const std::vector<InputSpec> forward{
      x_input(),
      {.name = "mean", .doc = "of each channel (C)"},
      {.name = "inv_std", .doc = "of each channel (C)"},
      {.name = "weight", .doc = "scale of each channel (C)"},
      {.name = "bias", .doc = "offset of each channel (C)"},
      {.name = "y", .doc = "what bn_apply gave, where it had a residual", .optional = true}};
  inputs.insert(inputs.end(), forward.begin(), forward.end());
  return inputs;
}

}  // namespace

// With xhat = (x - mean) * inv_std, gz = gy where the activation passes it on, and the means over all ranks'
// pixels: gx = weight * inv_std * (gz - mean(gz) - xhat * mean(gz * xhat)), gweight = sum(gz * xhat), gbias =
// sum(gz).
std::vector<const OpDef*> gradient_definitions() {
  static const OpDef sums{.name = "bn_grad_sums",
                          .doc =
                              "Count, sum of gz and sum of gz * xhat of each channel, where gz is gy before "
                              "the activation and xhat the normalised x. gweight and gbias are this rank's "
                              "sums.",
                          .inputs = with_forward({{.name = "gy", .doc = "gradient of bn_apply's y"}}),
                          .outputs = {{"sums", "f64 (3, C)", Reduction::batch_statistics},
                                      {"gweight", "gradient of weight (C)"},
                                      {"gbias", "gradient of bias (C)"}},
                          .attrs = {activation_attr()},
                          .infer = infer_sums,
                          .not_differentiable = kGradientOnce,
                          .internal = true};
  static const OpDef apply{
      .name = "bn_grad_apply",
      .doc = "The gradients of bn_apply by x, through the statistics too, and by the residual.",
      .inputs = with_forward({{.name = "gy", .doc = "gradient of bn_apply's y"},
                              {.name = "sums", .doc = "f64 (3, C): what bn_grad_sums gave"}}),
      .outputs = {{"gx", "gradient of x"},
                  {"gresidual", "gradient of the residual: gy before the activation"}},
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
                 {.name = "weight", .doc = "scale of each channel (C)"},
                 {.name = "var", .doc = "variance of each channel (C)"},
                 {.name = "y",
                  .doc = "what batch_norm_eval gave, where it had an activation",
                  .optional = true}},
      .outputs = {{"gx", "gradient of x"},
                  {"gresidual", "gradient of the residual: gy before the activation"}},
      .attrs = {eps_attr(), activation_attr()},
      .infer = infer_eval_grad,
      .not_differentiable = kGradientOnce,
      .in_place = {{0, 0}, {1, 0}},
      .internal = true};
  return {&sums, &apply, &eval};
}

}  // namespace graphrun::ops::batch_norm
