#include "compiler/ir/graph.h"

#include <algorithm>
#include <memory>

#include "runtime/core/checked.h"
#include "runtime/model/infer.h"
#include "runtime/model/validate_method.h"

namespace graphrun::compiler {
namespace {

bool same(const AttrValue& value, const AttrSpec& spec) {
  if (!spec.fallback) return false;
  if (value == *spec.fallback) return true;
  const Expr* one = std::get_if<Expr>(&*spec.fallback);
  const auto* many = std::get_if<std::vector<Expr>>(&value);
  return one != nullptr && many != nullptr && many->size() == static_cast<std::size_t>(spec.length) &&
         std::ranges::all_of(*many, [one](const Expr& item) { return item == *one; });
}

}  // namespace

SymbolLookup symbols_of(const model::Model& model) {
  const auto index = std::make_shared<const model::ParameterIndex>(model.parameter_index());
  return [&model, index](std::string_view name) -> std::optional<Number> {
    const auto found = index->find(name);
    if (found == index->end()) return Number(Dim::symbol(name));
    const model::GraphParameter& parameter = model.parameters[found->second];
    if (!parameter.integer) return Number(parameter.value);
    if (parameter.structural) return Number(Dim(core::saturating_integer(parameter.value)));
    return Number(Dim::symbol(name));
  };
}

ValueId Builder::add_value(model::Value value, ValueType type) {
  graph_.method.values.push_back(std::move(value));
  graph_.types.push_back(std::move(type));
  return static_cast<ValueId>(graph_.method.values.size() - 1);
}

void Builder::know_what_is_there() {
  if (std::exchange(known_, true)) return;
  for (const Node& node : graph_.method.nodes) paths_.insert(node.path);
  const std::vector<model::Value>& values = graph_.method.values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].origin != model::Origin::node)
      shared_.try_emplace({values[i].origin, values[i].index}, static_cast<ValueId>(i));
  }
}

std::string Builder::unique_path(std::string path) {
  know_what_is_there();
  if (paths_.insert(path).second) return path;
  std::size_t& next = next_path_.try_emplace(path, 2).first->second;
  std::string name;
  do {
    name = path + "_" + std::to_string(next++);
  } while (!paths_.insert(name).second);
  return name;
}

std::vector<ValueId> Builder::add(std::string_view op, std::vector<ValueId> inputs, AttrMap attrs,
                                  std::string_view suffix) {
  Node node;
  node.path = path_;
  if (!suffix.empty()) node.path += "." + std::string(suffix);
  node.op = std::string(op);
  node.inputs = std::move(inputs);
  node.attrs = std::move(attrs);
  return add(std::move(node));
}

std::vector<ValueId> Builder::add(OpRole role, std::vector<ValueId> inputs, AttrMap attrs,
                                  std::string_view suffix) {
  const Result<const OpDef*> def = model::find_op(context_.ops, role);
  if (def.ok()) return add((*def)->name, std::move(inputs), std::move(attrs), suffix);
  if (status_.ok()) status_ = def.status();
  return {kNoValue};
}

// Gives the node the values that come next as its outputs.
Result<model::ResolvedNode> Builder::resolve_next(Node& node, const OpDef& def) const {
  model::add_absent_inputs(def, node.inputs);
  node.outputs.clear();
  for (std::size_t i = 0; i < def.outputs.size(); ++i)
    node.outputs.push_back(static_cast<ValueId>(graph_.types.size() + i));
  std::vector<const ValueType*> inputs;
  for (const ValueId input : node.inputs) inputs.push_back(input == kNoValue ? nullptr : &type(input));
  return model::resolve(node, context_.ops, inputs, symbols_);
}

std::vector<ValueId> Builder::add(Node node) {
  Result<const OpDef*> found = model::find_op(context_.ops, node.op);
  if (!status_.ok() || !found.ok()) {
    const std::size_t outputs = found.ok() ? (*found)->outputs.size() : 1;
    if (status_.ok()) status_ = std::move(found).status().with_context(node.path);
    return std::vector<ValueId>(outputs, kNoValue);
  }
  const OpDef& def = **found;
  for (const AttrSpec& spec : def.attrs) {
    if (spec.fallback) node.attrs.try_emplace(std::string(spec.name), *spec.fallback);
  }
  node.path = unique_path(std::move(node.path));
  Result<model::ResolvedNode> resolved = resolve_next(node, def);
  Status failure = resolved.ok() ? extents_.charge(resolved->outputs) : resolved.status();
  if (!failure.ok()) {
    status_ = std::move(failure).with_context(node.path + ": " + node.op);
    return std::vector<ValueId>(def.outputs.size(), kNoValue);
  }
  const auto index = static_cast<std::int32_t>(graph_.method.nodes.size());
  for (std::size_t i = 0; i < def.outputs.size(); ++i) {
    std::string name = node.path;
    if (def.outputs.size() > 1) name += ":" + std::string(def.outputs[i].name);
    add_value({std::move(name), model::Origin::node, index}, std::move(resolved->outputs[i]));
  }
  for (const IndexPair& update : def.updates) {
    const ValueId state = node.inputs[static_cast<std::size_t>(update.input)];
    graph_.method.stores.push_back(
        {at(graph_.method.values, state).name, node.outputs[static_cast<std::size_t>(update.output)]});
  }
  std::vector<ValueId> ids = node.outputs;
  graph_.method.nodes.push_back(std::move(node));
  return ids;
}

const ValueType& Builder::type(ValueId value) const {
  static const ValueType unknown;
  return value == kNoValue ? unknown : at(graph_.types, value);
}

ValueId Builder::shared_value(model::Origin origin, std::int32_t index, std::string name,
                              const std::function<Result<ValueType>()>& infer) {
  know_what_is_there();
  const auto found = shared_.find({origin, index});
  if (found != shared_.end()) return found->second;
  Result<ValueType> type = infer();
  if (!type.ok()) {
    if (status_.ok()) status_ = std::move(type).status().with_context(name);
    return kNoValue;
  }
  const ValueId value = add_value({std::move(name), origin, index}, *std::move(type));
  shared_.emplace(std::pair(origin, index), value);
  return value;
}

ValueId Builder::input(std::string_view name, const ValueType& type) {
  std::vector<model::Input>& inputs = context_.model.inputs;
  auto found = std::ranges::find(inputs, name, &model::Input::name);
  if (found == inputs.end()) {
    model::Input added{std::string(name), type.dtype, {}};
    for (const Dim& extent : type.shape) added.shape.push_back(to_expr(extent));
    inputs.push_back(std::move(added));
    found = inputs.end() - 1;
  }
  return input(static_cast<std::int32_t>(found - inputs.begin()));
}

ValueId Builder::input(std::int32_t index) {
  const model::Input& input = context_.model.inputs[static_cast<std::size_t>(index)];
  return shared_value(model::Origin::input, index, input.name,
                      [&] { return model::input_type(input, symbols_); });
}

ValueId Builder::variable(std::int32_t index) {
  const model::Variable& variable = context_.model.variables[static_cast<std::size_t>(index)];
  return shared_value(model::Origin::variable, index, variable.name,
                      [&] { return model::variable_type(variable, symbols_); });
}

ValueId Builder::import(const Graph& from, ValueId value, const std::vector<ValueId>& map) {
  if (value == kNoValue) return kNoValue;
  const model::Value& source = at(from.method.values, value);
  if (source.origin == model::Origin::input) return input(source.index);
  if (source.origin == model::Origin::variable) return variable(source.index);
  return at(map, value);
}

Result<Graph> Builder::finish() && {
  if (!status_.ok()) return status_;
  return std::move(graph_);
}

Status verify(const Context& context, const Graph& graph) {
  const model::Model& model = context.model;
  const std::vector<std::string> dims = model::dim_names(model);
  GRAPHRUN_TRY(model::validate_method(model, graph.method, context.ops, model::ExprChecker(model, {}),
                                      model::ExprChecker(model, dims)));
  GRAPHRUN_ASSIGN(const std::vector<ValueType> types,
                  model::infer_types(model, graph.method, context.ops, symbols_of(model)));
  if (!std::ranges::equal(types, graph.types))
    return {ErrorCode::internal, "a pass left wrong types in " + graph.method.name};
  return {};
}

Graph without_defaults(const Context& context, Graph graph) {
  for (Node& node : graph.method.nodes) {
    const OpDef* def = context.ops.find(node.op);
    for (const AttrSpec& spec : def->attrs) {
      const auto found = node.attrs.find(spec.name);
      if (found != node.attrs.end() && same(found->second, spec)) node.attrs.erase(found);
    }
  }
  return graph;
}

std::vector<int> use_counts(const Graph& graph) {
  std::vector<int> counts(graph.method.values.size(), 0);
  const auto use = [&counts](ValueId value) {
    if (value != kNoValue) ++at(counts, value);
  };
  for (const Node& node : graph.method.nodes) std::ranges::for_each(node.inputs, use);
  for (const model::NamedValue& output : graph.method.outputs) use(output.value);
  for (const model::NamedValue& store : graph.method.stores) use(store.value);
  return counts;
}

}  // namespace graphrun::compiler
