#pragma once

#include <span>

#include "graphrun/status.h"
#include "runtime/model/program.h"

namespace graphrun::weights {

// First values of variable `index` of the program into `out` (as many elements as the variable has). Depends
// on seed, the variable's name and its initialiser alone.
Status initialise_variable(const model::Program& program, std::size_t index, std::uint64_t seed,
                           std::span<float> out);

}  // namespace graphrun::weights
