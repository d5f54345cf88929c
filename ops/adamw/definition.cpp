#include "ops/common/optimizer.h"

namespace graphrun::ops::adamw {
namespace {

// Norms and biases are the parameters of rank 1.
const OptimizerSpec& spec() {
  static const OptimizerSpec spec{
      .states = {{.name = "mean"}, {.name = "square"}, {.name = "step", .scalar = true}},
      .rate_multiplier = "lr_mult",
      .rules = {{.which = {.rank = 1}, .attr = "weight_decay", .value = 0}}};
  return spec;
}

Status infer(const Attributes& attrs, std::span<const ValueType* const> inputs,
             std::vector<ValueType>& outputs) {
  outputs.clear();
  return require_update(spec(), 1, attrs, inputs);
}

AttrSpec number(std::string_view name, std::string_view doc, double fallback, double max) {
  return {.name = name, .kind = AttrKind::real, .doc = doc, .fallback = Expr(fallback), .min = 0, .max = max};
}

}  // namespace

std::vector<const OpDef*> definitions() {
  constexpr double kUnlimited = std::numeric_limits<double>::infinity();
  constexpr double kBelowOne = 1 - 1e-9;
  static const OpDef adamw{
      .name = "adamw",
      .doc =
          "A step of Adam with decoupled weight decay (Loshchilov and Hutter 2019): t += 1; "
          "m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; with lr * lr_mult as r, "
          "p -= r * (weight_decay * p + m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)). It has no "
          "outputs: all but the gradients is written in place. Where a graph gives no `rules`, parameters "
          "of rank 1 (norms and biases) do not decay.",
      .inputs = {learning_rate_input(),
                 {.name = "values",
                  .doc = "k parameters, their k gradients, k m, k v, f32, dense; t, an f32 scalar",
                  .type = OperandType::dense(DType::f32),
                  .variadic = true}},
      .outputs = {},
      .attrs = {number("beta1", "part of the mean of gradients that is kept", 0.9, kBelowOne),
                number("beta2", "part of the mean of their squares that is kept", 0.999, kBelowOne),
                number("eps", "added to the root of the mean square", 1e-8, kUnlimited),
                number("weight_decay", "part of a parameter that goes, times the learning rate", 0.01,
                       kUnlimited),
                rate_multiplier_attr()},
      .precision = Precision::always_f32,
      .infer = infer,
      .not_differentiable = "it ends a training step",
      .optimizer = spec(),
      .writes_inputs = true,
      .internal = true};
  return {&adamw};
}

}  // namespace graphrun::ops::adamw
