#include "ops/common/optimizer.h"

namespace graphrun::ops::sgd {
namespace {

const OptimizerSpec& spec() {
  static const OptimizerSpec spec{.states = {{.name = "momentum"}}, .rate_multiplier = "lr_mult"};
  return spec;
}

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  outputs.clear();
  return require_update(spec(), 1, attrs, inputs);
}

}  // namespace

std::vector<const OpDef*> definitions() {
  static const OpDef sgd{
      .name = "sgd",
      .doc =
          "A step of stochastic gradient descent: g += weight_decay * p; m = momentum * m + g; "
          "p -= lr * lr_mult * m. It has no outputs: parameters and momenta are written in place.",
      .inputs = {learning_rate_input(),
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
                rate_multiplier_attr()},
      .precision = Precision::always_f32,
      .infer = infer,
      .not_differentiable = "it ends a training step",
      .optimizer = spec(),
      .writes_inputs = true,
      .internal = true};
  return {&sgd};
}

}  // namespace graphrun::ops::sgd
