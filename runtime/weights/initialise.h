#pragma once

#include <span>

#include "runtime/core/status.h"
#include "runtime/model/program.h"

namespace graphrun {

// First values of variable `index` of the program into `out` (as many elements as the variable has). Depends
// on seed, the variable's name and its initialiser alone.
Status initialise_variable(const Program& program, std::size_t index, std::uint64_t seed,
                           std::span<float> out);

}  // namespace graphrun
