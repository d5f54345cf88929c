#include "compiler/passes/memory.h"

#include <algorithm>

namespace graphrun::compiler {
namespace {

double nominal_size(const SymbolLookup& parameters, const ValueType& type) {
  constexpr std::int64_t kNominal = 480;
  if (type.layout != Layout::nhwc) return 0;
  double size = static_cast<double>(size_of(type.dtype));
  const Dim::Lookup lookup = [&](std::string_view symbol) -> std::optional<std::int64_t> {
    const std::optional<Number> number = parameters(symbol);
    const Dim* dim = number ? std::get_if<Dim>(&*number) : nullptr;
    return dim != nullptr ? dim->constant() : kNominal;
  };
  for (const Dim& extent : type.shape) size *= static_cast<double>(extent.evaluate(lookup).value_or(1));
  return size;
}

}  // namespace

MemoryEstimate::MemoryEstimate(const Context& context, const Graph& graph)
    : nodes_(graph.method.nodes.size()), lives_(graph.method.values.size()) {
  const SymbolLookup parameters = context.model.parameter_values();
  for (std::size_t i = 0; i < lives_.size(); ++i) {
    const model::Value& value = graph.method.values[i];
    if (value.origin != model::Origin::node) continue;
    lives_[i].size = nominal_size(parameters, graph.types[i]);
    lives_[i].birth = static_cast<std::size_t>(value.index);
  }
  for (std::size_t i = 0; i < nodes_; ++i) {
    const Node& node = graph.method.nodes[i];
    const std::vector<InputSpec>& specs = context.ops.find(node.op)->inputs;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (node.inputs[k] == kNoValue || specs[std::min(k, specs.size() - 1)].shape_only) continue;
      lives_[static_cast<std::size_t>(node.inputs[k])].reads.push_back(i);
    }
  }
  for (const model::NamedValue& output : graph.method.outputs)
    lives_[static_cast<std::size_t>(output.value)].reads.push_back(nodes_);
  for (std::size_t i = 0; i < nodes_; ++i) {
    const Node& node = graph.method.nodes[i];
    for (const IndexPair& pair : context.ops.find(node.op)->in_place) {
      const ValueId input = node.inputs[static_cast<std::size_t>(pair.input)];
      const ValueId output = node.outputs[static_cast<std::size_t>(pair.output)];
      if (input == kNoValue || output == kNoValue) continue;
      const Life& from = lives_[static_cast<std::size_t>(input)];
      Life& to = lives_[static_cast<std::size_t>(output)];
      if (from.size == to.size && from.reads.back() == i) to.takes_memory_of_input = true;
    }
  }
}

double MemoryEstimate::peak(const std::vector<std::size_t>& again) const {
  std::vector<double> change(nodes_ + 2, 0);
  const auto live = [&change](const Life& life, std::size_t first, std::size_t last) {
    change[first] += life.size;
    change[last + 1] -= life.size;
  };
  for (std::size_t i = 0; i < lives_.size(); ++i) {
    const Life& life = lives_[i];
    if (life.size == 0) continue;
    // Memory taken over from an input is free from the next node on only.
    const std::size_t birth = life.birth + (life.takes_memory_of_input ? 1 : 0);
    const std::size_t last = life.reads.empty() ? life.birth : life.reads.back();
    if (again[i] == kKept || life.reads.empty()) {
      if (last >= birth) live(life, birth, last);
      continue;
    }
    const auto second = std::ranges::lower_bound(life.reads, again[i]);
    const std::size_t first_part = second == life.reads.begin() ? life.birth : *(second - 1);
    if (first_part >= birth) live(life, birth, first_part);
    if (last >= again[i]) live(life, again[i], last);
  }
  double now = 0;
  double most = 0;
  for (const double delta : change) most = std::max(most, now += delta);
  return most;
}

}  // namespace graphrun::compiler
