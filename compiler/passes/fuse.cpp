#include "compiler/passes/copy.h"
#include "compiler/passes/passes.h"

namespace graphrun::compiler {
namespace {

// The node of the op that writes the value, if nothing else reads the value.
const Node* only_read_here(const Graph& graph, const std::vector<int>& uses, ValueId value,
                           std::string_view op) {
  const Node* node = producer(graph, value);
  const bool fits = node != nullptr && node->op == op && uses[static_cast<std::size_t>(value)] == 1;
  return fits ? node : nullptr;
}

}  // namespace

Result<Graph> fuse_conv_bn(Context context, const Graph& graph) {
  const std::vector<int> uses = use_counts(graph);
  Copier copier(context, graph, graph.method.name);
  for (const Node& node : graph.method.nodes) {
    const Node* conv =
        node.op == "batch_norm_eval" ? only_read_here(graph, uses, node.inputs[0], "conv2d") : nullptr;
    if (conv == nullptr) {
      copier.copy(node);
      continue;
    }
    // The convolution has been copied already; without a reader it is dead code.
    Node fused;
    fused.path = conv->path + "_bn";
    fused.op = "conv2d_bn";
    fused.attrs = conv->attrs;
    fused.attrs.insert(node.attrs.begin(), node.attrs.end());
    fused.attrs.erase("bias");
    fused.inputs = conv->inputs;
    fused.inputs.insert(fused.inputs.end(), node.inputs.begin() + 1, node.inputs.end());
    for (ValueId& input : fused.inputs) input = copier[input];
    copier.replace(node.outputs[0], copier.builder().add(std::move(fused))[0]);
  }
  return std::move(copier).finish();
}

Result<Graph> fuse_pyramid(Context context, const Graph& graph) {
  const std::vector<int> uses = use_counts(graph);
  // The values that are resized to the first member's size; empty where the node is no such concat.
  const auto levels_of = [&](const Node& concat) {
    std::vector<ValueId> levels;
    for (std::size_t i = 1; i < concat.inputs.size(); ++i) {
      const Node* resize = only_read_here(graph, uses, concat.inputs[i], "resize");
      if (resize == nullptr) return std::vector<ValueId>();
      levels.push_back(resize->inputs[0]);
    }
    return levels;
  };
  Copier copier(context, graph, graph.method.name);
  for (const Node& node : graph.method.nodes) {
    const bool plain = node.op == "conv2d_bn" && node.inputs.back() == kNoValue;
    const Node* concat = plain ? only_read_here(graph, uses, node.inputs[0], "concat") : nullptr;
    const std::vector<ValueId> levels = concat == nullptr ? std::vector<ValueId>() : levels_of(*concat);
    if (levels.empty()) {
      copier.copy(node);
      continue;
    }
    Node fused = node;
    fused.op = "conv2d_bn_pyramid";
    fused.inputs[0] = concat->inputs[0];
    fused.inputs.pop_back();
    fused.inputs.insert(fused.inputs.end(), levels.begin(), levels.end());
    for (ValueId& input : fused.inputs) input = copier[input];
    copier.replace(node.outputs[0], copier.builder().add(std::move(fused))[0]);
  }
  return std::move(copier).finish();
}

Result<Graph> fuse_resize_cross_entropy(Context context, const Graph& graph) {
  const auto fused_op = [](const Node& node) -> std::string_view {
    if (node.op == "cross_entropy_totals") return "resize_cross_entropy_totals";
    if (node.op == "label_probability") return "resize_label_probability";
    return {};
  };
  // A resize stays when anybody else reads it: then its result exists anyway.
  std::vector<int> other_uses = use_counts(graph);
  for (const Node& node : graph.method.nodes) {
    if (!fused_op(node).empty()) --other_uses[static_cast<std::size_t>(node.inputs[0])];
  }
  Copier copier(context, graph, graph.method.name);
  for (const Node& node : graph.method.nodes) {
    const Node* resize = fused_op(node).empty() ? nullptr : producer(graph, node.inputs[0]);
    if (resize == nullptr || resize->op != "resize" ||
        other_uses[static_cast<std::size_t>(node.inputs[0])] > 0) {
      copier.copy(node);
      continue;
    }
    Node fused = node;
    fused.op = fused_op(node);
    fused.inputs[0] = resize->inputs[0];
    for (ValueId& input : fused.inputs) input = copier[input];
    const std::vector<ValueId> outputs = copier.builder().add(std::move(fused));
    for (std::size_t i = 0; i < outputs.size(); ++i) copier.replace(node.outputs[i], outputs[i]);
  }
  return std::move(copier).finish();
}

}  // namespace graphrun::compiler
