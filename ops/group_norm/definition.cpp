#include "ops/common/channel_norm.h"

namespace graphrun::ops::group_norm {
namespace {

std::vector<AttrSpec> attrs() {
  return {eps_attr(),
          {.name = "groups",
           .kind = AttrKind::integer,
           .doc = "divides C: how many groups of neighbouring channels are normalised apart",
           .fallback = std::nullopt,
           .min = 1,
           .max = 1 << 24,
           .structural = true}};
}

Status require_groups(const Attributes& attrs, const Dim& channels) {
  const std::int64_t groups = attrs.integer("groups");
  if (!channels.is_constant() || channels.constant() % groups == 0) return {};
  return {ErrorCode::shape, "channels of x: expected a multiple of groups, " + std::to_string(groups) +
                                ", got " + to_string(channels)};
}

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_groups(attrs, inputs[0]->shape[1]));
  return infer_norm(attrs, inputs, outputs);
}

Status infer_grad(const Attributes& attrs, std::span<const ValueType* const> inputs,
                  std::vector<ValueType>& outputs) {
  GRAPHRUN_TRY(require_groups(attrs, inputs[1]->shape[1]));
  return infer_norm_grad(attrs, inputs, outputs);
}

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  return norm_gradient("group_norm_grad", request, graph);
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward{.name = "group_norm",
                             .doc =
                                 "y = (x - mean)/sqrt(var + eps) * weight + bias, with mean and biased "
                                 "variance of a group of channels over an image (Wu and He 2018).",
                             .inputs = norm_inputs(),
                             .outputs = {{"y", "of the shape of x"}},
                             .attrs = attrs(),
                             .infer = infer,
                             .variable_shape = norm_variable_shape,
                             .gradient = gradient,
                             .in_place = {{0, 0}}};
  static const OpDef backward{.name = "group_norm_grad",
                              .doc = "Gradients of group_norm.",
                              .inputs = norm_grad_inputs("group_norm's x"),
                              .outputs = norm_grad_outputs(),
                              .attrs = attrs(),
                              .infer = infer_grad,
                              .not_differentiable = kGradientOnce,
                              .internal = true};
  return {&forward, &backward};
}

}  // namespace graphrun::ops::group_norm
