#pragma once

#include <cstdint>
#include <vector>

#include "graphrun/status.h"
#include "runtime/session/lower.h"

namespace graphrun::session {

// By value: the variable in whose memory it lives, because it is one, is its new content (Method::stores) or
// is written over it (OpDef::updates); -1 for values in the arena.
std::vector<std::int32_t> variables_of(const model::Model& model, const model::Method& method,
                                       const LoweredMethod& lowered);

// Places in the arena of a method, in bytes.
struct MethodPlan {
  std::vector<std::int64_t> values;   // by value; -1: not in the arena
  std::vector<std::int64_t> scratch;  // by node
  std::int64_t bytes = 0;             // of the arena
};

// Inputs keep their place for the whole run, outputs from where they are written; what an op may write over
// (OpDef::in_place) is given to its output. Without scratch the plan is one of the values alone, which other
// kernels have in common. Errors: sizes that overflow.
Result<MethodPlan> plan_method(const LoweredMethod& lowered, const std::vector<std::int32_t>& variables,
                               bool with_scratch = true);

}  // namespace graphrun::session
