#pragma once

#include <vector>

#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"

namespace graphrun::model {

// That every port is an input or output of the model, with the type, rank, channels and classes that
// inference finds and its role demands, and that no role is given twice. `types` are those of the values, by
// method.
Status validate_signature(const Model& model, const std::vector<std::vector<ValueType>>& types);

}  // namespace graphrun::model
