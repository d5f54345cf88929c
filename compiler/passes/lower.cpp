#include "compiler/passes/passes.h"

#include "compiler/passes/copy.h"

namespace graphrun::compiler {
namespace {

std::vector<bool> needed_nodes(const Graph& graph, const std::vector<model::NamedValue>& outputs) {
  std::vector<bool> needed(graph.method.nodes.size(), false);
  const auto need = [&](ValueId value) {
    if (value == kNoValue) return;
    const model::Value& found = graph.method.values[static_cast<std::size_t>(value)];
    if (found.origin == model::Origin::node) needed[static_cast<std::size_t>(found.index)] = true;
  };
  for (const model::NamedValue& output : outputs) need(output.value);
  for (std::size_t i = needed.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const ValueId input : graph.method.nodes[i].inputs) need(input);
  }
  return needed;
}

}  // namespace

Result<Graph> lower(Context context, const Graph& graph, const std::vector<model::NamedValue>& outputs,
                    Mode mode, std::string name) {
  const std::vector<bool> needed = needed_nodes(graph, outputs);
  Copier copier(context, graph, std::move(name));
  Builder& builder = copier.builder();
  for (std::size_t i = 0; i < graph.method.nodes.size(); ++i) {
    if (!needed[i]) continue;
    const Node& node = graph.method.nodes[i];
    const OpDef* def = context.ops.find(node.op);
    const OpDef::Rewrite rewrite = mode == Mode::eval ? def->for_eval : def->for_train;
    if (rewrite == nullptr) {
      copier.copy(node);
      continue;
    }
    builder.set_path(node.path);
    const std::vector<ValueId> results = rewrite(copier.mapped(node), builder);
    for (std::size_t k = 0; k < node.outputs.size() && k < results.size(); ++k)
      copier.replace(node.outputs[k], results[k]);
    GRAPHRUN_TRY(builder.status());
  }
  for (const model::NamedValue& output : outputs) {
    builder.graph().method.outputs.push_back({output.name, copier[output.value]});
  }
  return std::move(builder).finish();
}

}  // namespace graphrun::compiler
