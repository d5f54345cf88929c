#pragma once

#include "compiler/diagnostics.h"
#include "compiler/expand.h"
#include "compiler/ir/graph.h"

namespace graphrun::compiler {

// By variable: a parameter whose group has "lr_mult": 0 (a number or of structural parameters), which is not
// trained at all.
std::vector<bool> fixed_parameters(const model::Model& model, const Optimizer& optimizer);

// The variables in the order of their memory: parameters as their gradients become ready in `train`, those of
// an optimiser group together, those without a gradient last; buffers; gradients and optimiser states as
// their parameters. Adds the states ("momentum:<parameter>") and gives each trained parameter's group; graphs
// are renumbered. Errors: groups without parameters and parameters without a group.
struct ParameterGroups {
  std::vector<std::vector<std::int32_t>> members;  // by group: indices of parameters
};
ParameterGroups order_variables(Context context, const Optimizer& optimizer, std::vector<Graph*> graphs,
                                const Graph& train, Diagnostics& diagnostics);

// Method "update": one node of the optimiser a group, over lr, parameters, gradients and states.
Result<Graph> make_update(Context context, const Optimizer& optimizer, const ParameterGroups& groups);

}  // namespace graphrun::compiler
