#include "runtime/model/graph.h"

#include <algorithm>

namespace graphrun::model {

const Method* Model::method(std::string_view wanted) const {
  const auto found = std::ranges::find(methods, wanted, &Method::name);
  return found == methods.end() ? nullptr : &*found;
}

const Variable* Model::variable(std::string_view wanted) const {
  const auto found = std::ranges::find(variables, wanted, &Variable::name);
  return found == variables.end() ? nullptr : &*found;
}

SymbolLookup Model::parameter_values() const {
  return [this](std::string_view wanted) -> std::optional<Number> {
    const auto found = std::ranges::find(parameters, wanted, &GraphParameter::name);
    if (found == parameters.end()) return std::nullopt;
    if (found->integer) return Number(Dim(static_cast<std::int64_t>(found->value)));
    return Number(found->value);
  };
}

}  // namespace graphrun::model
