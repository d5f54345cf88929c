#pragma once

#include "compiler/diagnostics.h"
#include "compiler/expand.h"
#include "compiler/ir.h"

namespace graphrun::compiler {

// The variables in the order of their memory: parameters as their gradients become ready in `train`, those of
// an optimiser group together; buffers; gradients and optimiser states as their parameters. Adds the states
// ("momentum:<parameter>") and gives each parameter's group; graphs are renumbered. Errors: groups without
// parameters and parameters without a group.
struct ParameterGroups {
  std::vector<std::vector<std::int32_t>> members;  // by group: indices of parameters
};
ParameterGroups order_variables(Context context, const Optimizer& optimizer, std::vector<Graph*> graphs,
                                const Graph& train, Diagnostics& diagnostics);

// Method "update": one node of the optimiser a group, over lr, parameters, gradients and states.
Result<Graph> make_update(Context context, const Optimizer& optimizer, const ParameterGroups& groups);

}  // namespace graphrun::compiler
