#pragma once

#include <span>

#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"

namespace graphrun::model {

// What OpDef::cost says of a node, or the sum of what it says of a composite's parts. `types`, by ValueId,
// are numbers. Errors: parts that do not fit together.
Result<double> cost_of(const Node& node, const OpRegistry& registry, std::span<const ValueType> types,
                       const SymbolLookup& symbols);

}  // namespace graphrun::model
