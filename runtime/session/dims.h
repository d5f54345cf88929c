#pragma once

#include <map>
#include <string>

#include "graphrun/status.h"
#include "runtime/model/program.h"

namespace graphrun::session {

using DimValues = std::map<std::string, std::int64_t, std::less<>>;

// The values of N, H, W, ... that the shapes of some inputs give, checked against every extent of those
// inputs and against the model's requirements. Errors name the input, its declared and its actual shape, or
// the requirement.
Result<DimValues> solve_dims(const model::Program& program,
                             const std::map<std::string, Shape, std::less<>>& input_shapes);

SymbolLookup lookup_in(DimValues values);

}  // namespace graphrun::session
