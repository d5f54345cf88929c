#include "ops/common/definition.h"
#include "ops/conv2d/definition.h"

// Weights of a convolution by parts of its input channels.
namespace graphrun::ops::conv2d {
namespace {

Status require_weight_rank(const ValueType& weight, std::string_view what) {
  if (weight.shape.size() == 2 || weight.shape.size() == 4) return {};
  return {ErrorCode::shape,
          std::string(what) + ": expected a weight of rank 2 or 4, got " + to_string(weight)};
}

Status infer_slice(const Attributes& attrs, std::span<const ValueType* const> inputs,
                   std::vector<ValueType>& outputs) {
  const ValueType& weight = *inputs[0];
  GRAPHRUN_TRY(require_weight_rank(weight, "weight"));
  const Dim end = attrs.dim("begin") + attrs.dim("count");
  if (end.is_constant() && weight.shape[1].is_constant() && end.constant() > weight.shape[1].constant())
    return {ErrorCode::shape, "channels " + to_string(attrs.dim("begin")) + " to " + to_string(end) + " of " +
                                  to_string(weight)};
  outputs = {weight};
  outputs[0].shape[1] = attrs.dim("count");
  return {};
}

Status infer_join(const Attributes&, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  std::vector<Dim>& shape = outputs[0].shape;
  GRAPHRUN_TRY(require_weight_rank(outputs[0], "part 0"));
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    const std::string what = "part " + std::to_string(i);
    std::vector<Dim> expected = inputs[0]->shape;
    if (inputs[i]->shape.size() == expected.size()) expected[1] = inputs[i]->shape[1];
    GRAPHRUN_TRY(require_shape(*inputs[i], std::move(expected), what));
    shape[1] = shape[1] + inputs[i]->shape[1];
  }
  return {};
}

constexpr std::string_view kInGradients = "it only occurs in gradients";

AttrSpec channel_attr(std::string_view name, std::string_view doc, double min) {
  return {.name = name,
          .kind = AttrKind::integer,
          .doc = doc,
          .fallback = std::nullopt,
          .min = min,
          .max = 1 << 24};
}

}  // namespace

const OpDef& slice_weight_definition() {
  static const OpDef def = {
      .name = "slice_weight",
      .doc = "The part of a weight that reads some of the input channels.",
      .inputs = {{.name = "weight", .doc = "(O, C, KH, KW) or (O, C)", .type = kWeightType}},
      .outputs = {{.name = "y", .doc = "with count in the place of C", .type = kWeightType}},
      .attrs = {channel_attr("begin", "first channel", 0), channel_attr("count", "number of channels", 1)},
      .infer = infer_slice,
      .not_differentiable = kInGradients,
      .internal = true,
  };
  return def;
}

const OpDef& join_weights_definition() {
  static const OpDef def = {
      .name = "join_weights",
      .doc = "Weights that read parts of the input channels as one that reads all of them.",
      .inputs =
          {{.name = "parts", .doc = "(O, Ci, KH, KW) or (O, Ci)", .type = kWeightType, .variadic = true}},
      .outputs = {{.name = "y", .doc = "with the sum of Ci in the place of Ci", .type = kWeightType}},
      .attrs = {},
      .infer = infer_join,
      .not_differentiable = kInGradients,
      .internal = true,
  };
  return def;
}

}  // namespace graphrun::ops::conv2d
