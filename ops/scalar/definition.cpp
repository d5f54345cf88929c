#include "ops/common/definition.h"

namespace graphrun::ops::scalar {
namespace {

Status infer_weighted_sum(const Attributes& attrs, std::span<const ValueType* const> inputs,
                          std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_equal(static_cast<std::int64_t>(inputs.size()),
                             static_cast<std::int64_t>(attrs.reals("weights").size()), "number of weights"));
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}

std::vector<ValueId> weighted_sum_gradient(const GradientRequest& request, GraphWriter& graph) {
  const AttrValue& weights = request.node.attrs.at("weights");
  std::vector<ValueId> gradients(request.node.inputs.size(), kNoValue);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!request.needed[i]) continue;
    const auto* const list = std::get_if<std::vector<Expr>>(&weights);
    const Expr& weight = list != nullptr ? (*list)[i] : std::get<Expr>(weights);
    gradients[i] = graph.add("scale", {request.output_gradients[0]}, {{"factor", weight}},
                             "grad_" + std::to_string(i))[0];
  }
  return gradients;
}

Status infer_scale(const Attributes&, std::span<const ValueType* const> inputs,
                   std::vector<ValueType>& outputs) {
  outputs = {*inputs[0]};
  return {};
}

std::vector<ValueId> scale_gradient(const GradientRequest& request, GraphWriter& graph) {
  return graph.add("scale", {request.output_gradients[0]}, request.node.attrs, "grad");
}

Status infer_fill(const Attributes&, std::span<const ValueType* const>, std::vector<ValueType>& outputs) {
  outputs = {ValueType::dense(DType::f32, {})};
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef weighted_sum{
      .name = "weighted_sum",
      .doc = "y = weights[0] * x[0] + weights[1] * x[1] + ..., the loss of several heads.",
      .inputs = {{.name = "x", .doc = "scalars", .type = OperandType::scalar(DType::f32), .variadic = true}},
      .outputs = {{"y", "a scalar", OperandType::scalar(DType::f32)}},
      .attrs = {{.name = "weights", .kind = AttrKind::reals, .doc = "one for each x", .fallback = {}}},
      .precision = Precision::always_f32,
      .infer = infer_weighted_sum,
      .gradient = weighted_sum_gradient,
      .role = OpRole::weighted_sum};
  static const OpDef scale{
      .name = "scale",
      .doc = "y = factor / divisor * x.",
      .inputs = {{.name = "x", .doc = "real numbers of any shape", .type = OperandType::real()}},
      .outputs = {{"y", "of the type of x", OperandType::same_as(0)}},
      .attrs = {{.name = "factor", .kind = AttrKind::real, .doc = "what to multiply by", .fallback = {}},
                {.name = "divisor",
                 .kind = AttrKind::integer,
                 .doc = "what to divide by, such as a number of elements",
                 .fallback = AttrValue(Expr(1)),
                 .min = 1}},
      .infer = infer_scale,
      .gradient = scale_gradient,
      .in_place = {{0, 0}}};
  static const OpDef fill{
      .name = "fill",
      .doc = "A constant scalar: the seed of the backward pass.",
      .inputs = {},
      .outputs = {{"y", "a scalar", OperandType::scalar(DType::f32)}},
      .attrs = {{.name = "value", .kind = AttrKind::real, .doc = "its value", .fallback = {}}},
      .precision = Precision::always_f32,
      .infer = infer_fill,
      .not_differentiable = "it has no inputs",
      .role = OpRole::fill,
      .internal = true};
  return {&weighted_sum, &scale, &fill};
}

}  // namespace graphrun::ops::scalar
