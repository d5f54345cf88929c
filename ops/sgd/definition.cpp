#include "ops/common/definition.h"

namespace graphrun::ops::sgd {
namespace {

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  const std::size_t values = inputs.size() - 1;
  if (values % 3 != 0) {
    return {ErrorCode::shape, "values: expected parameters, gradients and momenta, got " +
                                  std::to_string(values) + ", which is no multiple of 3"};
  }
  const std::size_t count = values / 3;
  const std::size_t multipliers = attrs.reals("lr_mult").size();
  if (multipliers != 1 && multipliers != count) {
    return {ErrorCode::shape, "lr_mult: expected 1 or " + std::to_string(count) + " numbers, got " +
                                  std::to_string(multipliers)};
  }
  for (std::size_t i = 0; i < count; ++i) {
    const ValueType& parameter = *inputs[1 + i];
    GRAPHRUN_TRY(require_same_type(parameter, *inputs[1 + count + i], "gradient " + std::to_string(i)));
    GRAPHRUN_TRY(require_same_type(parameter, *inputs[1 + 2 * count + i], "momentum " + std::to_string(i)));
  }
  outputs.clear();
  return {};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef sgd{
      .name = "sgd",
      .doc =
          "A step of stochastic gradient descent: g += weight_decay * p; m = momentum * m + g; "
          "p -= lr * lr_mult * m. It has no outputs: parameters and momenta are written in place.",
      .inputs = {{.name = "lr",
                  .doc = "f32 scalar, the learning rate of this step",
                  .type = OperandType::scalar(DType::f32)},
                 {.name = "values",
                  .doc = "k parameters, their k gradients, their k momenta, f32, dense",
                  .type = OperandType::dense(DType::f32),
                  .variadic = true}},
      .outputs = {},
      .attrs = {{.name = "momentum",
                 .kind = AttrKind::real,
                 .doc = "part of the last step that is kept",
                 .fallback = Expr(0.9),
                 .min = 0,
                 .max = 1},
                {.name = "weight_decay",
                 .kind = AttrKind::real,
                 .doc = "L2 penalty on every parameter",
                 .fallback = Expr(0.0),
                 .min = 0},
                {.name = "lr_mult",
                 .kind = AttrKind::reals,
                 .doc = "multiplies the learning rate: one for each parameter, or one for all",
                 .fallback = Expr(1.0),
                 .min = 0}},
      .precision = Precision::always_f32,
      .infer = infer,
      .not_differentiable = "it ends a training step",
      .writes_inputs = true,
      .internal = true};
  return {&sgd};
}

}  // namespace graphrun::ops::sgd
