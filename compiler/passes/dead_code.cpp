#include <algorithm>
#include <utility>

#include "compiler/passes/passes.h"

namespace graphrun::compiler {
namespace {

Graph without_dead(Context context, Graph graph, bool all_outputs) {
  model::Method& from = graph.method;
  std::vector<bool> live(from.values.size(), false);
  const auto need = [&live](ValueId value) {
    if (value != kNoValue) at(live, value) = true;
  };
  for (const model::NamedValue& output : from.outputs) need(output.value);
  for (const model::NamedValue& store : from.stores) need(store.value);
  std::vector<bool> keep(from.nodes.size(), false);
  for (std::size_t i = from.nodes.size(); i-- > 0;) {
    const Node& node = from.nodes[i];
    const std::vector<OutputSpec>& specs = context.ops.find(node.op)->outputs;
    // An op without outputs updates variables in place.
    keep[i] = specs.empty() || std::ranges::any_of(node.outputs, [&](ValueId output) {
                return output != kNoValue && at(live, output);
              });
    if (!keep[i]) continue;
    for (const ValueId input : node.inputs) need(input);
    for (std::size_t k = 0; k < specs.size(); ++k) {
      if (all_outputs || !specs[k].optional) need(node.outputs[k]);
    }
  }

  Graph result;
  result.method.name = std::move(from.name);
  std::vector<std::int32_t> node_index(from.nodes.size(), -1);
  for (std::size_t i = 0, next = 0; i < keep.size(); ++i) {
    if (keep[i]) node_index[i] = static_cast<std::int32_t>(next++);
  }
  std::vector<ValueId> map(from.values.size(), kNoValue);
  for (std::size_t i = 0; i < from.values.size(); ++i) {
    if (!live[i]) continue;
    model::Value& value = from.values[i];
    if (value.origin == model::Origin::node) value.index = node_index[static_cast<std::size_t>(value.index)];
    map[i] = static_cast<ValueId>(result.method.values.size());
    result.method.values.push_back(std::move(value));
    result.types.push_back(std::move(graph.types[i]));
  }
  const auto renumber = [&map](ValueId& value) {
    if (value != kNoValue) value = at(map, value);
  };
  for (std::size_t i = 0; i < from.nodes.size(); ++i) {
    if (!keep[i]) continue;
    for (ValueId& input : from.nodes[i].inputs) renumber(input);
    for (ValueId& output : from.nodes[i].outputs) renumber(output);
    result.method.nodes.push_back(std::move(from.nodes[i]));
  }
  result.method.outputs = std::move(from.outputs);
  result.method.stores = std::move(from.stores);
  for (model::NamedValue& output : result.method.outputs) renumber(output.value);
  for (model::NamedValue& store : result.method.stores) renumber(store.value);
  return result;
}

}  // namespace

Graph remove_dead_code(Context context, Graph graph) {
  return without_dead(context, std::move(graph), false);
}
Graph remove_dead_nodes(Context context, Graph graph) {
  return without_dead(context, std::move(graph), true);
}

}  // namespace graphrun::compiler
