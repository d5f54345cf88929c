#pragma once

#include <cstdint>
#include <vector>

#include "graphrun/status.h"
#include "runtime/session/lower.h"
#include "runtime/session/method_plan.h"

// Memory for time. The compiler lets cheap nodes run again in the backward part, so that what they gave need
// not be kept until then (its pass `recompute`). It knows neither the sizes nor how much memory there is; at
// bind both are known, and what fits is kept after all.
namespace graphrun::session {

struct Rematerialisations {
  int all = 0;     // in the method as it was compiled
  int undone = 0;  // of these
};

// Leaves out of the method what an earlier node has computed, as far as the arena fits in `max_bytes`;
// `plan`, which is the method's, becomes that of the rest. An arena that is larger from the start stays as it
// is. Bits of all results stay.
Result<Rematerialisations> undo_rematerialisations(LoweredMethod& lowered,
                                                   const std::vector<std::int32_t>& variables,
                                                   std::int64_t max_bytes, MethodPlan& plan);

}  // namespace graphrun::session
