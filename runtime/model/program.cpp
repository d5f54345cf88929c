#include "runtime/model/program.h"

#include <algorithm>
#include <cmath>

#include "runtime/core/guard.h"
#include "runtime/model/model_file.h"
#include "runtime/model/validate.h"

namespace graphrun::model {
namespace {

Result<std::vector<Shape>> evaluate_shapes(const Model& model) {
  const SymbolLookup lookup = model.parameter_values();
  std::vector<Shape> shapes;
  shapes.reserve(model.variables.size());
  for (const Variable& variable : model.variables) {
    std::vector<std::int64_t> extents;
    for (const Expr& expr : variable.shape) {
      GRAPHRUN_ASSIGN(const Dim extent, evaluate_dim(expr, lookup).with_context(variable.name));
      if (!extent.is_constant())
        return {ErrorCode::invalid_file, variable.name + ": its shape is not a number"};
      extents.push_back(extent.constant());
    }
    GRAPHRUN_ASSIGN(const Shape shape, Shape::make(extents).with_context(variable.name));
    shapes.push_back(shape);
  }
  return shapes;
}

// The parameter that may have this value.
Result<std::size_t> find_late(const Model& model, const std::string& name, double value) {
  const auto found = std::ranges::find(model.parameters, name, &GraphParameter::name);
  if (found == model.parameters.end()) {
    std::vector<std::string_view> names;
    for (const GraphParameter& parameter : model.parameters) names.push_back(parameter.name);
    const std::string near = nearest_name(name, names);
    return {ErrorCode::invalid_argument, "the model has no parameter \"" + name + "\"" +
                                             (near.empty() ? "" : "; did you mean \"" + near + "\"?")};
  }
  if (found->structural) {
    return {ErrorCode::invalid_argument,
            "\"" + name +
                "\" is structural: it was fixed when the model was compiled; give it to graphc with -D"};
  }
  if (found->integer && value != std::floor(value)) {
    return {ErrorCode::invalid_argument, "\"" + name + "\" must be an integer, is " + number_text(value)};
  }
  if (!(value >= found->min && value <= found->max)) {
    return {ErrorCode::invalid_argument, "\"" + name + "\" must be in " + number_text(found->min) + " to " +
                                             number_text(found->max) + ", is " + number_text(value)};
  }
  return static_cast<std::size_t>(found - model.parameters.begin());
}

}  // namespace

Result<std::shared_ptr<const Program>> Program::load(const std::string& path,
                                                     const OpRegistry& registry) try {
  GRAPHRUN_ASSIGN(Model model, read_model(path, registry));
  return of_valid(std::move(model), registry).with_context(path);
} catch (...) {
  return core::caught();
}

Result<std::shared_ptr<const Program>> Program::parse(std::span<const std::byte> bytes,
                                                      const OpRegistry& registry) try {
  GRAPHRUN_ASSIGN(Model model, parse_model(bytes, registry));
  return of_valid(std::move(model), registry);
} catch (...) {
  return core::caught();
}

Result<std::shared_ptr<const Program>> Program::make(Model model, const OpRegistry& registry) try {
  GRAPHRUN_TRY(validate(model, registry));
  return of_valid(std::move(model), registry);
} catch (...) {
  return core::caught();
}

Result<std::shared_ptr<const Program>> Program::of_valid(Model model, const OpRegistry& registry) {
  std::shared_ptr<Program> program(new Program(std::move(model), registry));
  GRAPHRUN_ASSIGN(program->variable_shapes_, evaluate_shapes(program->model_));
  return std::shared_ptr<const Program>(std::move(program));
}

Result<std::shared_ptr<const Program>> Program::bind(const Bindings& bindings) const try {
  std::vector<std::pair<std::size_t, double>> changes;
  for (const auto& [name, value] : bindings) {
    GRAPHRUN_ASSIGN(const std::size_t index, find_late(model_, name, value));
    if (model_.parameters[index].value != value) changes.emplace_back(index, value);
  }
  if (changes.empty()) return shared_from_this();
  Model bound = model_;
  for (const auto& [index, value] : changes) {
    GraphParameter& parameter = bound.parameters[index];
    parameter.value = value;
    parameter.chosen = !parameter.from.tokens.empty();
  }
  return make(std::move(bound), *registry_);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::model
