#pragma once

#include <algorithm>
#include <vector>

#include "graphrun/kernel/kernel.h"
#include "ops/common/definition.h"

// What definitions and kernels of optimisers share: the operands that OptimizerSpec describes. All of
// graphrun's optimisers have a rate multiplier.
namespace graphrun::ops {

// Where each operand stands among a node's inputs.
struct UpdateOperands {
  std::size_t given = 0;   // by the training loop
  std::size_t count = 0;   // parameters
  std::size_t states = 0;  // of each parameter

  std::size_t parameter(std::size_t i) const { return given + i; }
  std::size_t gradient(std::size_t i) const { return given + count + i; }
  std::size_t state(std::size_t state, std::size_t i) const { return given + (2 + state) * count + i; }
  std::size_t scalar(std::size_t i) const { return given + (2 + states) * count + i; }
};

inline std::size_t scalar_count(const OptimizerSpec& spec) {
  return static_cast<std::size_t>(std::ranges::count(spec.states, true, &OptimizerState::scalar));
}

// Precondition: the inputs are as many as require_update() accepts.
inline UpdateOperands update_operands(const OptimizerSpec& spec, std::size_t given, std::size_t inputs) {
  UpdateOperands operands{given, 0, spec.states.size() - scalar_count(spec)};
  operands.count = (inputs - given - scalar_count(spec)) / (2 + operands.states);
  return operands;
}
inline UpdateOperands update_operands(const KernelRequest& request) {
  return update_operands(*request.def.optimizer, request.def.inputs.size() - 1, request.inputs.size());
}

// As many operands as parameters ask for, gradients and states of their parameter's shape, and one or as many
// rate multipliers.
inline Status require_update(const OptimizerSpec& spec, std::size_t given, const Attributes& attrs,
                             std::span<const ValueType* const> inputs) {
  const UpdateOperands at = update_operands(spec, given, std::max(inputs.size(), given + scalar_count(spec)));
  if (at.scalar(scalar_count(spec)) != inputs.size()) {
    return {ErrorCode::shape, "values: expected parameters, gradients and " + std::to_string(at.states) +
                                  " states of each, and " + std::to_string(scalar_count(spec)) +
                                  " scalars, got " + std::to_string(inputs.size() - given) + " in all"};
  }
  const std::size_t multipliers = attrs.reals(spec.rate_multiplier).size();
  if (multipliers != 1 && multipliers != at.count) {
    return {ErrorCode::shape, std::string(spec.rate_multiplier) + ": expected 1 or " +
                                  std::to_string(at.count) + " numbers, got " + std::to_string(multipliers)};
  }
  for (std::size_t i = 0; i < at.count; ++i) {
    const ValueType& parameter = *inputs[at.parameter(i)];
    const auto require = [&](std::size_t index, std::string_view what) {
      return require_same_type(parameter, *inputs[index], std::string(what) + " " + std::to_string(i));
    };
    GRAPHRUN_TRY(require(at.gradient(i), "gradient"));
    for (std::size_t state = 0; state < at.states; ++state)
      GRAPHRUN_TRY(require(at.state(state, i), "state"));
  }
  for (std::size_t i = at.scalar(0); i < inputs.size(); ++i)
    GRAPHRUN_TRY(require_same_type(ValueType::dense(DType::f32, {}), *inputs[i], "a scalar"));
  return {};
}

// By parameter.
inline std::vector<float> rate_multipliers(const KernelRequest& request, std::size_t count) {
  const std::vector<double>& given = request.attrs.reals(request.def.optimizer->rate_multiplier);
  std::vector<float> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(static_cast<float>(given[given.size() == 1 ? 0 : i]));
  return all;
}

// Attributes that optimisers have in common.
inline AttrSpec rate_multiplier_attr() {
  return {.name = "lr_mult",
          .kind = AttrKind::reals,
          .doc = "multiplies the learning rate: one for each parameter, or one for all",
          .fallback = Expr(1.0),
          .min = 0};
}
inline InputSpec learning_rate_input() {
  return {.name = "lr",
          .doc = "f32 scalar, the learning rate of this step",
          .type = OperandType::scalar(DType::f32)};
}

}  // namespace graphrun::ops
