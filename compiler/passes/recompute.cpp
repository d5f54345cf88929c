#include <algorithm>
#include <map>

#include "compiler/passes/copy.h"
#include "compiler/passes/memory.h"
#include "compiler/passes/passes.h"

namespace graphrun::compiler {
namespace {

constexpr std::size_t kKept = MemoryEstimate::kKept;

struct Candidate {
  std::size_t node = 0;
  std::size_t output = 0;
  std::size_t when = 0;  // the first node of the backward part that reads the output
};

struct Uses {
  std::vector<std::size_t> first_backward;  // by value: the first node of the backward part that reads it
  std::vector<std::size_t> last;            // the last node that reads it; 0 where none does
};

// Inputs of which only the shape is read do not count.
Uses find_uses(const Context& context, const Graph& graph, std::size_t boundary) {
  const model::Method& method = graph.method;
  Uses uses{std::vector<std::size_t>(method.values.size(), kKept),
            std::vector<std::size_t>(method.values.size(), 0)};
  for (std::size_t i = 0; i < method.nodes.size(); ++i) {
    const Node& node = method.nodes[i];
    const std::vector<InputSpec>& specs = context.ops.find(node.op)->inputs;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const ValueId input = node.inputs[k];
      if (input == kNoValue || specs[std::min(k, specs.size() - 1)].shape_only) continue;
      const auto id = static_cast<std::size_t>(input);
      uses.last[id] = i;
      if (i >= boundary) uses.first_backward[id] = std::min(uses.first_backward[id], i);
    }
  }
  return uses;
}

// Values that can be computed again from what is there at that time anyway.
std::vector<Candidate> find_candidates(const Context& context, const Graph& graph, std::size_t boundary) {
  const model::Method& method = graph.method;
  const Uses uses = find_uses(context, graph, boundary);
  std::vector<bool> dropped(method.values.size(), false);
  // Small values (statistics) may live on for this; large ones must be there anyway.
  const auto is_there = [&](ValueId value, std::size_t when) {
    if (value == kNoValue) return true;
    const auto id = static_cast<std::size_t>(value);
    if (method.values[id].origin != model::Origin::node || graph.types[id].layout == Layout::dense)
      return true;
    return !dropped[id] && uses.last[id] >= when;
  };
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < boundary; ++i) {
    const Node& node = method.nodes[i];
    if (!context.ops.find(node.op)->recompute || node.outputs[0] == kNoValue) continue;
    const auto output = static_cast<std::size_t>(node.outputs[0]);
    const std::size_t when = uses.first_backward[output];
    if (when == kKept ||
        !std::ranges::all_of(node.inputs, [&](ValueId input) { return is_there(input, when); }))
      continue;
    dropped[output] = true;
    candidates.push_back({i, output, when});
  }
  return candidates;
}

// Leaves out what does not lower the peak, those first that are needed again soonest. A value that stays
// never takes another candidate's inputs away.
std::vector<Candidate> worthwhile(const Context& context, const Graph& graph,
                                  std::vector<Candidate> candidates) {
  const MemoryEstimate memory(context, graph);
  std::vector<std::size_t> again(graph.method.values.size(), kKept);
  for (const Candidate& candidate : candidates) again[candidate.output] = candidate.when;
  const double lowest = memory.peak(again);
  std::ranges::stable_sort(candidates, {}, &Candidate::when);
  // A peak is a walk over the graph: of so many candidates that the walks would take seconds all stay.
  constexpr std::size_t kMaxVisits = std::size_t{1} << 27;
  const std::size_t visits = candidates.size() * (graph.method.nodes.size() + graph.method.values.size());
  if (visits > kMaxVisits) return candidates;
  std::vector<Candidate> kept;
  for (const Candidate& candidate : candidates) {
    again[candidate.output] = kKept;
    if (memory.peak(again) <= lowest) continue;
    again[candidate.output] = candidate.when;
    kept.push_back(candidate);
  }
  return kept;
}

}  // namespace

Result<Graph> recompute(Context context, Graph graph) {
  const model::Method& method = graph.method;
  const auto seed = std::ranges::find(method.nodes, kSeedPath, &Node::path);
  const auto boundary = static_cast<std::size_t>(seed - method.nodes.begin());
  std::map<std::size_t, std::vector<const Node*>> again;  // by the node before which they run
  for (const Candidate& candidate : worthwhile(context, graph, find_candidates(context, graph, boundary)))
    again[candidate.when].push_back(&method.nodes[candidate.node]);
  if (again.empty()) return graph;

  Copier copier(context, graph, method.name);
  for (std::size_t i = 0; i < method.nodes.size(); ++i) {
    if (const auto found = again.find(i); found != again.end()) {
      for (const Node* node : found->second) {
        Node clone = *node;
        clone.path += ".again";
        copier.copy(clone);
      }
    }
    copier.copy(method.nodes[i]);
  }
  return std::move(copier).finish();
}

}  // namespace graphrun::compiler
