#pragma once

#include <cstdint>

#include "graphrun/kernel/op_def.h"
#include "runtime/model/graph.h"

namespace graphrun::fuzz {

// One change to a model that keeps it a model in form: another operand, an operand or output less, another
// element type, a number of an attribute or shape replaced by one at the border of a range, a new node of any
// op. Whether it still means something is what validation has to find out.
void mutate(model::Model& model, const OpRegistry& ops, std::uint32_t seed);

}  // namespace graphrun::fuzz
