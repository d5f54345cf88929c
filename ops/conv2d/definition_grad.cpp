#include "ops/common/definition.h"
#include "ops/conv2d/definition.h"

namespace graphrun::ops::conv2d {
namespace {

// gy has the shape of the convolution of x.
Status require_gradient(const Attributes& attrs, const ValueType& gy, const ValueType& x) {
  GRAPHRUN_ASSIGN(const ValueType y, convolved(attrs, x, gy.shape[1]));
  return require_same_type(y, gy, "gy");
}

Status infer_grad_data(const Attributes& attrs, std::span<const ValueType* const> inputs,
                       std::vector<ValueType>& outputs) {
  const ValueType& gy = *inputs[0];
  const ValueType& x = *inputs[2];
  GRAPHRUN_TRY(require_gradient(attrs, gy, x));
  GRAPHRUN_TRY(require_weight(attrs, *inputs[1], gy.shape[1], x.shape[1]));
  outputs = {x};
  return {};
}

Status infer_grad_weight(const Attributes& attrs, std::span<const ValueType* const> inputs,
                         std::vector<ValueType>& outputs) {
  const ValueType& gy = *inputs[0];
  const ValueType& x = *inputs[1];
  GRAPHRUN_TRY(require_gradient(attrs, gy, x));
  GRAPHRUN_TRY(require_weight(attrs, *inputs[2], gy.shape[1], x.shape[1]));
  outputs = {*inputs[2], ValueType::dense(DType::f32, {gy.shape[1]})};
  return {};
}

double cost_grad_data(const Attributes&, std::span<const ValueType* const> inputs,
                      std::span<const ValueType* const>) {
  return product_cost(*inputs[0], *inputs[1]);
}

double cost_grad_weight(const Attributes&, std::span<const ValueType* const> inputs,
                        std::span<const ValueType* const>) {
  return product_cost(*inputs[0], *inputs[2]);
}

}  // namespace

const OpDef& grad_data_definition() {
  static const OpDef def = {
      .name = "conv2d_grad_data",
      .doc = "Gradient of conv2d by x: each pixel gathers from the windows that have read it.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "weight", .doc = "conv2d's weight", .type = kWeightType},
                 {.name = "x", .doc = "conv2d's x", .shape_only = true}},
      .outputs = {{.name = "gx", .doc = "gradient of x"}},
      .attrs = window_attrs(),
      .infer = infer_grad_data,
      .not_differentiable = kGradientOnce,
      .cost = cost_grad_data,
      .internal = true,
  };
  return def;
}

const OpDef& grad_weight_definition() {
  static const OpDef def = {
      .name = "conv2d_grad_weight",
      .doc = "Gradients of conv2d by weight and bias, summed over all pixels of all images.",
      .inputs = {{.name = "gy", .doc = "gradient of y"},
                 {.name = "x", .doc = "conv2d's x"},
                 {.name = "weight", .doc = "conv2d's weight", .type = kWeightType, .shape_only = true}},
      .outputs = {{.name = "gweight",
                   .doc = "gradient of weight, (O, C / groups, KH, KW)",
                   .type = kWeightType,
                   .optional = true},
                  {.name = "gbias", .doc = "gradient of bias, (O)", .type = kPerOutput, .optional = true}},
      .attrs = window_attrs(),
      .infer = infer_grad_weight,
      .not_differentiable = kGradientOnce,
      .cost = cost_grad_weight,
      .internal = true,
  };
  return def;
}

}  // namespace graphrun::ops::conv2d
