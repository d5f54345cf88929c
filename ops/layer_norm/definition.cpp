#include "ops/common/channel_norm.h"

namespace graphrun::ops::layer_norm {
namespace {

std::vector<ValueId> gradient(const GradientRequest& request, GraphWriter& graph) {
  return norm_gradient("layer_norm_grad", request, graph);
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef forward{.name = "layer_norm",
                             .doc =
                                 "y = (x - mean)/sqrt(var + eps) * weight + bias, with mean and biased "
                                 "variance of a pixel's channels "
                                 "(Ba, Kiros and Hinton 2016).",
                             .inputs = norm_inputs(),
                             .outputs = {{"y", "of the shape of x"}},
                             .attrs = {eps_attr()},
                             .infer = infer_norm,
                             .variable_shape = norm_variable_shape,
                             .gradient = gradient,
                             .in_place = {{0, 0}}};
  static const OpDef backward{.name = "layer_norm_grad",
                              .doc = "Gradients of layer_norm.",
                              .inputs = norm_grad_inputs("layer_norm's x"),
                              .outputs = norm_grad_outputs(),
                              .attrs = {eps_attr()},
                              .infer = infer_norm_grad,
                              .not_differentiable = kGradientOnce,
                              .internal = true};
  return {&forward, &backward};
}

}  // namespace graphrun::ops::layer_norm
