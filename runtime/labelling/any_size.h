#pragma once

#include <cstdint>

#include "runtime/model/program.h"

namespace graphrun::labelling {

// Whether the network takes every one of many sizes in a row, the first of which is a square with this side:
// then it can see an image in one pass and needs no crops, whose seams would show.
bool takes_any_size(const model::Program& program, std::int64_t side);

}  // namespace graphrun::labelling
