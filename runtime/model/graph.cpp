#include "runtime/model/graph.h"

#include <algorithm>
#include <memory>

#include "runtime/core/checked.h"

namespace graphrun::model {

const Method* Model::method(std::string_view wanted) const {
  const auto found = std::ranges::find(methods, wanted, &Method::name);
  return found == methods.end() ? nullptr : &*found;
}

const Variable* Model::variable(std::string_view wanted) const {
  const auto found = std::ranges::find(variables, wanted, &Variable::name);
  return found == variables.end() ? nullptr : &*found;
}

ParameterIndex Model::parameter_index() const {
  ParameterIndex index;
  index.reserve(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) index.try_emplace(parameters[i].name, i);
  return index;
}

SymbolLookup Model::parameter_values() const {
  const auto index = std::make_shared<const ParameterIndex>(parameter_index());
  return [this, index](std::string_view wanted) -> std::optional<Number> {
    const auto found = index->find(wanted);
    if (found == index->end()) return std::nullopt;
    const GraphParameter& parameter = parameters[found->second];
    if (parameter.integer) return Number(Dim(core::saturating_integer(parameter.value)));
    return Number(parameter.value);
  };
}

}  // namespace graphrun::model
