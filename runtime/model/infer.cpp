#include "runtime/model/infer.h"

#include <algorithm>
#include <span>

namespace graphrun::model {
namespace {

constexpr std::size_t kActivationRank = 4;
// Of an activation, in rows or columns: with it kernels may count positions in a window in 32 bits.
constexpr std::int64_t kMaxSide = std::int64_t{1} << 24;

Status check_type(const ValueType& type) {
  if (static_cast<int>(type.dtype) >= kDTypeCount) return {ErrorCode::shape, "an unknown element type"};
  if (type.shape.size() > static_cast<std::size_t>(kMaxRank)) {
    return {ErrorCode::shape, "rank " + std::to_string(type.shape.size()) + "; at most " +
                                  std::to_string(kMaxRank) + " is possible"};
  }
  if (type.layout == Layout::nhwc && type.shape.size() != kActivationRank) {
    return {ErrorCode::shape, "an activation of rank " + std::to_string(type.shape.size())};
  }
  if (type.layout == Layout::nhwc) {
    for (const Dim& side : std::span(type.shape).subspan(2)) {
      if (side.is_constant() && side.constant() > kMaxSide)
        return {ErrorCode::shape, "a side of more than " + std::to_string(kMaxSide) + ": " + to_string(type)};
    }
  }
  std::vector<std::int64_t> known;
  for (const Dim& extent : type.shape) {
    if (!extent.valid()) return {ErrorCode::shape, "an extent overflows: " + to_string(type)};
    if (!extent.is_constant()) continue;
    if (extent.constant() < 1) return {ErrorCode::shape, "an extent is less than 1: " + to_string(type)};
    known.push_back(extent.constant());
  }
  return status_of(Shape::make(known)).in(to_string(type));
}

Result<std::vector<Dim>> evaluate_shape(const std::vector<Expr>& shape, const SymbolLookup& lookup) {
  std::vector<Dim> extents;
  extents.reserve(shape.size());
  for (const Expr& expr : shape) {
    GRAPHRUN_ASSIGN(Dim extent, evaluate_dim(expr, lookup));
    extents.push_back(std::move(extent));
  }
  return extents;
}

Result<ValueType> input_type(const Input& input, const SymbolLookup& lookup) {
  GRAPHRUN_ASSIGN(std::vector<Dim> shape, evaluate_shape(input.shape, lookup));
  const bool activation = shape.size() == kActivationRank && is_real(input.dtype);
  ValueType type{input.dtype, activation ? Layout::nhwc : Layout::dense, std::move(shape)};
  GRAPHRUN_TRY(check_type(type));
  return type;
}

// An input that depends on a flag is there exactly where the flag is set.
Status check_presence(const Node& node, const OpDef& def, const Attributes& attrs) {
  for (std::size_t i = 0; i < def.inputs.size(); ++i) {
    const InputSpec& spec = def.inputs[i];
    if (spec.if_attribute.empty()) continue;
    const Dim& flag = attrs.dim(spec.if_attribute);
    if (!flag.is_constant()) {
      return {ErrorCode::invalid_argument, "attribute \"" + std::string(spec.if_attribute) +
                                               "\" must be known when the model is compiled"};
    }
    const bool present = node.inputs[i] != kNoValue;
    if (present == (flag.constant() != 0)) continue;
    return {ErrorCode::invalid_argument, "input \"" + std::string(spec.name) + "\" is " +
                                             (present ? "there" : "missing") + ", but attribute \"" +
                                             std::string(spec.if_attribute) + "\" is " +
                                             (present ? "false" : "true")};
  }
  return {};
}

Status infer_node(const Node& node, const OpRegistry& registry, const SymbolLookup& lookup,
                  std::vector<ValueType>& types) {
  const OpDef* def = registry.find(node.op);
  if (def == nullptr || def->infer == nullptr) return {ErrorCode::internal, "the op is not defined"};
  GRAPHRUN_ASSIGN(const Attributes attrs, Attributes::evaluate(def->attrs, node.attrs, lookup));
  GRAPHRUN_TRY(check_presence(node, *def, attrs));
  std::vector<const ValueType*> inputs;
  inputs.reserve(node.inputs.size());
  for (const ValueId input : node.inputs) {
    inputs.push_back(input == kNoValue ? nullptr : &types[static_cast<std::size_t>(input)]);
  }
  std::vector<ValueType> outputs;
  GRAPHRUN_TRY(def->infer(attrs, inputs, outputs));
  if (outputs.size() != node.outputs.size()) {
    return {ErrorCode::internal, "inference gave " + std::to_string(outputs.size()) + " outputs instead of " +
                                     std::to_string(node.outputs.size())};
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    GRAPHRUN_TRY(check_type(outputs[i]).in("output " + std::string(def->outputs[i].name)));
    const ValueId output = node.outputs[i];
    if (output != kNoValue) types[static_cast<std::size_t>(output)] = std::move(outputs[i]);
  }
  return {};
}

}  // namespace

Result<ValueType> variable_type(const Variable& variable, const SymbolLookup& lookup) {
  GRAPHRUN_ASSIGN(std::vector<Dim> shape, evaluate_shape(variable.shape, lookup));
  ValueType type = ValueType::dense(variable.dtype, std::move(shape));
  GRAPHRUN_TRY(check_type(type));
  return type;
}

Result<std::vector<ValueType>> infer_types(const Model& model, const Method& method,
                                           const OpRegistry& registry, const SymbolLookup& dims) {
  const SymbolLookup parameters = model.parameter_values();
  const SymbolLookup lookup = [&](std::string_view symbol) -> std::optional<Number> {
    if (auto value = dims(symbol)) return value;
    return parameters(symbol);
  };
  std::vector<ValueType> types(method.values.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Value& value = method.values[i];
    const std::size_t index = static_cast<std::size_t>(value.index);
    if (value.origin == Origin::input) {
      GRAPHRUN_ASSIGN(types[i],
                      input_type(model.inputs[index], lookup).in("input " + model.inputs[index].name));
    } else if (value.origin == Origin::variable) {
      const Variable& variable = model.variables[index];
      GRAPHRUN_ASSIGN(types[i], variable_type(variable, lookup).in("variable " + variable.name));
    }
  }
  for (const Node& node : method.nodes) {
    if (Status status = infer_node(node, registry, lookup, types); !status.ok()) {
      return std::move(status).in(describe(node));
    }
  }
  return types;
}

std::vector<std::string> dim_names(const Model& model) {
  std::vector<std::string> names;
  for (const Input& input : model.inputs) {
    for (const Expr& extent : input.shape) {
      if (extent.tokens.size() != 1 || extent.tokens[0].op != ExprOp::symbol) continue;
      const std::string& name = extent.symbols[static_cast<std::size_t>(extent.tokens[0].integer)];
      const bool known =
          std::ranges::find(names, name) != names.end() ||
          std::ranges::find(model.parameters, name, &GraphParameter::name) != model.parameters.end();
      if (!known) names.push_back(name);
    }
  }
  return names;
}

SymbolLookup symbolic_dims(const Model& model) {
  return [names = dim_names(model)](std::string_view symbol) -> std::optional<Number> {
    if (std::ranges::find(names, symbol) == names.end()) return std::nullopt;
    return Number(Dim::symbol(symbol));
  };
}

std::string describe(const Node& node) { return node.path + " (" + node.op + ")"; }

}  // namespace graphrun::model
