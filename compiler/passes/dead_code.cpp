#include "compiler/passes/passes.h"

namespace graphrun::compiler {

Graph remove_dead_code(Context context, const Graph& graph) {
  const model::Method& from = graph.method;
  std::vector<bool> live(from.values.size(), false);
  const auto need = [&live](ValueId value) {
    if (value != kNoValue) live[static_cast<std::size_t>(value)] = true;
  };
  for (const model::NamedValue& output : from.outputs) need(output.value);
  for (const model::NamedValue& store : from.stores) need(store.value);
  std::vector<bool> keep(from.nodes.size(), false);
  for (std::size_t i = from.nodes.size(); i-- > 0;) {
    const Node& node = from.nodes[i];
    // An op without outputs updates variables in place.
    bool kept = context.ops.find(node.op)->outputs.empty();
    for (const ValueId output : node.outputs)
      kept = kept || (output != kNoValue && live[static_cast<std::size_t>(output)]);
    keep[i] = kept;
    if (!kept) continue;
    for (const ValueId input : node.inputs) need(input);
  }

  Graph result;
  result.method.name = from.name;
  std::vector<std::int32_t> node_index(from.nodes.size(), -1);
  for (std::size_t i = 0, next = 0; i < keep.size(); ++i) {
    if (keep[i]) node_index[i] = static_cast<std::int32_t>(next++);
  }
  std::vector<ValueId> map(from.values.size(), kNoValue);
  for (std::size_t i = 0; i < from.values.size(); ++i) {
    if (!live[i]) continue;
    model::Value value = from.values[i];
    if (value.origin == model::Origin::node) value.index = node_index[static_cast<std::size_t>(value.index)];
    map[i] = static_cast<ValueId>(result.method.values.size());
    result.method.values.push_back(std::move(value));
    result.types.push_back(graph.types[i]);
  }
  const auto renumber = [&map](ValueId& value) {
    if (value != kNoValue) value = map[static_cast<std::size_t>(value)];
  };
  for (std::size_t i = 0; i < from.nodes.size(); ++i) {
    if (!keep[i]) continue;
    Node node = from.nodes[i];
    for (ValueId& input : node.inputs) renumber(input);
    for (ValueId& output : node.outputs) renumber(output);
    result.method.nodes.push_back(std::move(node));
  }
  result.method.outputs = from.outputs;
  result.method.stores = from.stores;
  for (model::NamedValue& output : result.method.outputs) renumber(output.value);
  for (model::NamedValue& store : result.method.stores) renumber(store.value);
  return result;
}

}  // namespace graphrun::compiler
