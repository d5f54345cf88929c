#include "runtime/weights/initialise.h"

#include <cmath>
#include <numbers>

#include "runtime/core/hash.h"
#include "runtime/core/random.h"

namespace graphrun::weights {
namespace {

void fill_normal(core::Random random, double mean, double deviation, std::span<float> out) {
  for (std::size_t i = 0; i < out.size(); i += 2) {
    // Box and Muller 1958; 1 - u is never 0.
    const double radius = deviation * std::sqrt(-2.0 * std::log(1.0 - random.next_double()));
    const double angle = 2.0 * std::numbers::pi * random.next_double();
    out[i] = static_cast<float>(mean + radius * std::cos(angle));
    if (i + 1 < out.size()) out[i + 1] = static_cast<float>(mean + radius * std::sin(angle));
  }
}

void fill_uniform(core::Random random, double low, double high, std::span<float> out) {
  for (float& value : out) value = static_cast<float>(random.next_between(low, high));
}

}  // namespace

Status initialise_variable(const model::Program& program, std::size_t index, std::uint64_t seed,
                           std::span<float> out) {
  const model::Variable& variable = program.model().variables[index];
  const Init& init = variable.init;
  const SymbolLookup lookup = program.model().parameter_values();
  // Names, unlike indices, do not change when a graph grows.
  const std::uint64_t hash = core::hash_of(variable.name);
  const core::Random random(seed, core::RandomPurpose::initial_weights, static_cast<std::uint32_t>(hash),
                            static_cast<std::uint32_t>(hash >> 32));
  GRAPHRUN_ASSIGN(const double a, evaluate_real(init.a, lookup).with_context(variable.name));
  GRAPHRUN_ASSIGN(const double b, evaluate_real(init.b, lookup).with_context(variable.name));
  switch (init.kind) {
    case InitKind::constant:
      std::fill(out.begin(), out.end(), static_cast<float>(a));
      return {};
    case InitKind::normal:
      fill_normal(random, a, b, out);
      return {};
    case InitKind::uniform:
      fill_uniform(random, a, b, out);
      return {};
    case InitKind::kaiming_normal_fan_out: {
      const Shape& shape = program.variable_shape(index);
      double fan = 1;
      for (int axis = 0; axis < shape.rank(); ++axis)
        fan *= axis == 1 ? 1.0 : static_cast<double>(shape[axis]);
      fill_normal(random, 0, std::sqrt(2.0 / fan), out);
      return {};
    }
    case InitKind::uniform_fan_in: {
      GRAPHRUN_ASSIGN(const double fan, evaluate_real(init.fan_in, lookup).with_context(variable.name));
      if (!(fan > 0))
        return {ErrorCode::invalid_file, variable.name + ": its initialiser needs a positive fan_in"};
      fill_uniform(random, -1.0 / std::sqrt(fan), 1.0 / std::sqrt(fan), out);
      return {};
    }
  }
  return {ErrorCode::internal, "an unknown initialiser"};
}

}  // namespace graphrun::weights
