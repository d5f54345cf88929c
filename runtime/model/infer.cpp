#include "runtime/model/infer.h"

#include <iterator>
#include <memory>
#include <set>
#include <span>
#include <unordered_set>

#include "runtime/model/lazy_context.h"

namespace graphrun::model {
namespace {

Result<std::vector<Dim>> evaluate_shape(const std::vector<Expr>& shape, const SymbolLookup& lookup) {
  std::vector<Dim> extents;
  extents.reserve(shape.size());
  for (const Expr& expr : shape) {
    GRAPHRUN_ASSIGN(Dim extent, evaluate_dim(expr, lookup));
    extents.push_back(std::move(extent));
  }
  return extents;
}

// Resolves a node whose inputs' types are known, and notes the types of its outputs.
Result<ResolvedNode> resolve_next(const Node& node, const OpRegistry& registry, const SymbolLookup& lookup,
                                  ExtentBudget& budget, std::vector<ValueType>& types) {
  std::vector<const ValueType*> inputs;
  inputs.reserve(node.inputs.size());
  for (const ValueId input : node.inputs) inputs.push_back(input == kNoValue ? nullptr : &at(types, input));
  GRAPHRUN_ASSIGN(ResolvedNode resolved, resolve(node, registry, inputs, lookup));
  GRAPHRUN_TRY(budget.charge(resolved.outputs));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != kNoValue) at(types, node.outputs[i]) = std::move(resolved.outputs[i]);
  }
  resolved.outputs.clear();
  return resolved;
}

// The types of inputs and variables; those of nodes' values are to follow.
Result<std::vector<ValueType>> leaf_types(const Model& model, const Method& method,
                                          const SymbolLookup& lookup) {
  std::vector<ValueType> types(method.values.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Value& value = method.values[i];
    const std::size_t index = static_cast<std::size_t>(value.index);
    if (value.origin == Origin::input) {
      GRAPHRUN_ASSIGN(
          types[i],
          input_type(model.inputs[index], lookup).with_context("input " + model.inputs[index].name));
    } else if (value.origin == Origin::variable) {
      const Variable& variable = model.variables[index];
      GRAPHRUN_ASSIGN(types[i], in_context(variable_type(variable, lookup),
                                           [&variable] { return "variable " + variable.name; }));
    }
  }
  return types;
}

// Resolves all nodes; keep(node) takes what each means.
template <class Keep>
Result<std::vector<ValueType>> resolve_all(const Model& model, const Method& method,
                                           const OpRegistry& registry, const SymbolLookup& dims,
                                           const Keep& keep) {
  const SymbolLookup parameters = model.parameter_values();
  const SymbolLookup lookup = [&](std::string_view symbol) -> std::optional<Number> {
    if (auto value = dims(symbol)) return value;
    return parameters(symbol);
  };
  GRAPHRUN_ASSIGN(std::vector<ValueType> types, leaf_types(model, method, lookup));
  ExtentBudget budget;
  for (const Node& node : method.nodes) {
    Result<ResolvedNode> resolved = resolve_next(node, registry, lookup, budget, types);
    if (!resolved.ok()) return std::move(resolved).status().with_context(describe(node));
    keep(*std::move(resolved));
  }
  return types;
}

}  // namespace

Result<ValueType> input_type(const Input& input, const SymbolLookup& lookup) {
  constexpr std::size_t kActivationRank = 4;
  GRAPHRUN_ASSIGN(std::vector<Dim> shape, evaluate_shape(input.shape, lookup));
  const bool activation = shape.size() == kActivationRank && is_real(input.dtype);
  ValueType type{input.dtype, activation ? Layout::nhwc : Layout::dense, std::move(shape)};
  GRAPHRUN_TRY(check_type(type));
  return type;
}

Result<ValueType> variable_type(const Variable& variable, const SymbolLookup& lookup) {
  GRAPHRUN_ASSIGN(std::vector<Dim> shape, evaluate_shape(variable.shape, lookup));
  ValueType type = ValueType::dense(variable.dtype, std::move(shape));
  GRAPHRUN_TRY(check_type(type));
  return type;
}

Result<ResolvedMethod> resolve_method(const Model& model, const Method& method, const OpRegistry& registry,
                                      const SymbolLookup& dims) {
  ResolvedMethod result;
  result.nodes.reserve(method.nodes.size());
  const auto keep = [&](ResolvedNode node) { result.nodes.push_back(std::move(node)); };
  GRAPHRUN_ASSIGN(result.types, resolve_all(model, method, registry, dims, keep));
  return result;
}

Result<std::vector<ValueType>> infer_types(const Model& model, const Method& method,
                                           const OpRegistry& registry, const SymbolLookup& dims) {
  return resolve_all(model, method, registry, dims, [](const ResolvedNode&) {});
}

std::vector<std::string> dim_names(const Model& model) {
  const ParameterIndex parameters = model.parameter_index();
  std::unordered_set<std::string_view> known;
  std::vector<std::string> names;
  for (const Input& input : model.inputs) {
    for (const Expr& extent : input.shape) {
      if (extent.tokens.size() != 1 || extent.tokens[0].op != ExprOp::symbol) continue;
      const std::string& name = extent.symbols[static_cast<std::size_t>(extent.tokens[0].integer)];
      if (!parameters.contains(name) && known.insert(name).second) names.push_back(name);
    }
  }
  return names;
}

SymbolLookup symbolic_dims(const Model& model) {
  std::vector<std::string> names = dim_names(model);
  const auto sorted = std::make_shared<const std::set<std::string, std::less<>>>(
      std::make_move_iterator(names.begin()), std::make_move_iterator(names.end()));
  return [sorted](std::string_view symbol) -> std::optional<Number> {
    if (!sorted->contains(symbol)) return std::nullopt;
    return Number(Dim::symbol(symbol));
  };
}

std::string describe(const Node& node) { return node.path + " (" + node.op + ")"; }

}  // namespace graphrun::model
