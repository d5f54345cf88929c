#pragma once

#include <vector>

#include "compiler/ir/graph.h"
#include "compiler/parameter_groups.h"

namespace graphrun::compiler {

// Adds the optimiser's states of the parameters that are trained (OptimizerState), and puts the variables
// into the order of their memory: parameters as their gradients become ready in `train`, those of a group
// together, those without a gradient last; buffers; gradients; each state of the optimiser in turn, all three
// as their parameters. Graphs and groups are renumbered; of a group its trained members stay, in that order.
void order_variables(Context context, const OptimizerSpec& optimizer, std::vector<ParameterGroup>& groups,
                     const std::vector<Graph*>& graphs, const Graph& train);

// Method "update": one node of the optimiser a group, over what the training loop gives, parameters,
// gradients and states (OptimizerSpec).
Result<Graph> make_update(Context context, const OpDef& optimizer, const std::vector<ParameterGroup>& groups);

}  // namespace graphrun::compiler
