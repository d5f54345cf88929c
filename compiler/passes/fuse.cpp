#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "compiler/passes/copy.h"
#include "compiler/passes/passes.h"

namespace graphrun::compiler {
namespace {

class Reader final : public GraphReader {
 public:
  Reader(const OpRegistry& ops, const Graph& graph)
      : ops_(ops), graph_(graph), readers_(graph.method.values.size()) {
    const auto read = [this](ValueId value, const Node* by) {
      if (value != kNoValue) readers_[static_cast<std::size_t>(value)].push_back(by);
    };
    for (const Node& node : graph.method.nodes) {
      for (const ValueId input : node.inputs) read(input, &node);
    }
    for (const model::NamedValue& output : graph.method.outputs) read(output.value, nullptr);
    for (const model::NamedValue& store : graph.method.stores) read(store.value, nullptr);
  }
  const Node* producer(ValueId value) const override { return compiler::producer(graph_, value); }
  std::span<const Node* const> readers(ValueId value) const override {
    if (value == kNoValue) return {};
    return readers_[static_cast<std::size_t>(value)];
  }
  const OpDef& definition(const Node& node) const override { return *ops_.find(node.op); }

 private:
  const OpRegistry& ops_;
  const Graph& graph_;
  std::vector<std::vector<const Node*>> readers_;  // by value
};

// Composites by the op of the last node that they replace.
using Composites = std::multimap<std::string_view, const OpDef*>;

Composites composites_of(const OpRegistry& ops) {
  Composites composites;
  for (const OpDef* def : ops.all()) {
    if (def->fusion.match != nullptr) composites.emplace(def->fusion.last, def);
  }
  return composites;
}

// The composite's node that can take the node's place.
std::optional<Node> find_fusion(const Context& context, const Composites& composites, const Reader& reader,
                                const Node& node, bool to_be_differentiated) {
  const OpDef* def = context.ops.find(node.op);
  const auto [begin, end] = composites.equal_range(node.op);
  for (auto composite = begin; composite != end; ++composite) {
    const OpDef& whole = *composite->second;
    if (to_be_differentiated && def->gradient != nullptr && whole.gradient == nullptr) continue;
    std::optional<Node> fused = whole.fusion.match(node, reader);
    if (!fused) continue;
    fused->op = whole.name;
    return fused;
  }
  return std::nullopt;
}

// By the node that it takes the place of.
using Fusions = std::unordered_map<const Node*, Node>;

Fusions find_fusions(const Context& context, const Graph& graph, bool to_be_differentiated) {
  const Composites composites = composites_of(context.ops);
  const Reader reader(context.ops, graph);
  Fusions fusions;
  for (const Node& node : graph.method.nodes) {
    if (auto fused = find_fusion(context, composites, reader, node, to_be_differentiated))
      fusions.emplace(&node, *std::move(fused));
  }
  return fusions;
}

Result<Graph> with_fusions(const Context& context, const Graph& graph, const Fusions& fusions) {
  Copier copier(context, graph, graph.method.name);
  for (const Node& node : graph.method.nodes) {
    const auto fused = fusions.find(&node);
    if (fused == fusions.end()) {
      copier.copy(node);
      continue;
    }
    // What it replaces has been copied already, and is dead code without a reader.
    const std::vector<ValueId> outputs = copier.builder().add(copier.mapped(fused->second));
    for (std::size_t i = 0; i < node.outputs.size() && i < outputs.size(); ++i)
      copier.replace(node.outputs[i], outputs[i]);
  }
  return std::move(copier).finish();
}

}  // namespace

Result<Graph> fuse(Context context, Graph graph, bool to_be_differentiated) {
  // A composite may be a part of another; whoever brings ops may have made a circle.
  constexpr int kMaxRounds = 16;
  for (int round = 0; round < kMaxRounds; ++round) {
    const Fusions fusions = find_fusions(context, graph, to_be_differentiated);
    if (fusions.empty()) return graph;
    GRAPHRUN_ASSIGN(Graph made, with_fusions(context, graph, fusions));
    graph = remove_dead_nodes(context, std::move(made));
  }
  return {ErrorCode::internal, "fusions of ops replace each other without end"};
}

}  // namespace graphrun::compiler
