#pragma once

#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "compiler/ir/graph.h"

namespace graphrun::compiler {

// Copies a graph node by node into a builder: what passes that rewrite some of the nodes share.
class Copier {
 public:
  Copier(Context context, const Graph& from, std::string name)
      : from_(from), map_(from.method.values.size(), kNoValue), builder_(context, std::move(name)) {}

  Builder& builder() { return builder_; }
  // Precondition: the nodes that write `value` have been copied or replaced.
  ValueId operator[](ValueId value) { return builder_.import(from_, value, map_); }
  void replace(ValueId value, ValueId by) {
    if (value != kNoValue) map_[static_cast<std::size_t>(value)] = by;
  }

  Node mapped(const Node& node) {
    Node copy = node;
    for (ValueId& input : copy.inputs) input = (*this)[input];
    return copy;
  }
  std::vector<ValueId> copy(const Node& node) {
    std::vector<ValueId> outputs = builder_.add(mapped(node));
    for (std::size_t i = 0; i < node.outputs.size(); ++i) replace(node.outputs[i], outputs[i]);
    return outputs;
  }

  // With the outputs and stores of the original; in-place updates are stored by their nodes already.
  Result<Graph> finish() && {
    model::Method& method = builder_.graph().method;
    for (const model::NamedValue& output : from_.method.outputs)
      method.outputs.push_back({output.name, (*this)[output.value]});
    std::unordered_set<std::string> known;
    for (const model::NamedValue& store : method.stores) known.insert(store.name);
    for (const model::NamedValue& store : from_.method.stores) {
      const ValueId value = (*this)[store.value];
      if (known.insert(store.name).second) method.stores.push_back({store.name, value});
    }
    return std::move(builder_).finish();
  }

 private:
  const Graph& from_;
  std::vector<ValueId> map_;
  Builder builder_;
};

// The node that writes the value; null for inputs and variables.
inline const Node* producer(const Graph& graph, ValueId value) {
  if (value == kNoValue) return nullptr;
  const model::Value& found = graph.method.values[static_cast<std::size_t>(value)];
  return found.origin == model::Origin::node ? &graph.method.nodes[static_cast<std::size_t>(found.index)]
                                             : nullptr;
}

}  // namespace graphrun::compiler
