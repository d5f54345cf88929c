#pragma once

#include "compiler/compile.h"
#include "compiler/diagnostics.h"
#include "compiler/expand.h"

namespace graphrun::compiler {

// Applies CompileOptions::rate_multipliers and freeze to a graph as it is written: rules of the optimiser,
// and the attribute "frozen" of nodes whose variables are all frozen, running statistics among them. Returns
// whether they fit the graph; the errors, at `at`, are about them.
bool apply_parameter_options(Context context, const CompileOptions& options, Position at,
                             Expansion& expansion, Diagnostics& diagnostics);

}  // namespace graphrun::compiler
