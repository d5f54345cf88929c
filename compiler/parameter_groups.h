#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/diagnostics.h"
#include "compiler/expand.h"
#include "compiler/ir/graph.h"

namespace graphrun::compiler {

// Parameters that one node of the optimiser updates.
struct ParameterGroup {
  AttrMap attrs;
  std::vector<std::int32_t> members;  // indices of variables, ascending
};

// Cuts the parameters of a model into groups of equal attributes: by the groups of the file, and each of
// these by the rules that its parameters fall under. What owns a parameter is seen in `graph`, as the file
// wrote it. Errors: groups and written rules without parameters, parameters without a group.
std::vector<ParameterGroup> make_parameter_groups(Context context, const Optimizer& optimizer,
                                                  const Graph& graph, Diagnostics& diagnostics);

// By variable: a parameter for which the optimiser's rate multiplier is 0 (a number or of structural
// parameters), which is not trained at all.
std::vector<bool> fixed_parameters(Context context, const Optimizer& optimizer,
                                   const std::vector<ParameterGroup>& groups);

}  // namespace graphrun::compiler
