#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/ir/graph.h"

// Each pass takes a graph and gives a new one that computes the same outputs and stores.
namespace graphrun::compiler {

enum class Mode { eval, train };

// Writes every op in the form that it has in the method (OpDef::for_eval, for_train), for as much of `graph`
// as the outputs need.
Result<Graph> lower(Context context, const Graph& graph, const std::vector<model::NamedValue>& outputs,
                    Mode mode, std::string name);

// Nodes, optional outputs of nodes and values that nothing needs are removed.
Graph remove_dead_code(Context context, Graph graph);
// The same, but a node that stays keeps all its outputs.
Graph remove_dead_nodes(Context context, Graph graph);

// Composites take the place of the nodes that they stand for (OpDef::fusion), and what nothing reads any more
// is removed. In a graph that is `to_be_differentiated` only where no gradient is lost by that. Precondition:
// no dead code, which would count as a reader.
Result<Graph> fuse(Context context, Graph graph, bool to_be_differentiated);

// Precondition: every node has all its outputs, which gradients may use (so not after remove_dead_code).
// Appends the gradient of output "loss" with respect to every parameter that is neither `fixed` (by variable)
// nor read as a frozen input only: a joint graph. A variable "grad:<parameter>" is added to the model and
// stored for each. The first node of the backward part has the path kSeedPath.
Result<Graph> differentiate(Context context, Graph graph, const std::vector<bool>& fixed);
inline constexpr std::string_view kSeedPath = "loss.seed";

// Values that are cheap to compute again (OpDef::recompute) from what is kept anyway are computed again
// before the backward part reads them, instead of being kept, where that lowers the peak of memory.
Result<Graph> recompute(Context context, Graph graph);

}  // namespace graphrun::compiler
