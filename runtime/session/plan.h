#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::session {

// A piece of memory that must be intact from step `first` to step `last`, both included.
struct PlanItem {
  std::int64_t bytes = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;
};

struct MemoryPlan {
  std::vector<std::int64_t> offsets;  // by item; multiples of kPlanAlignment
  std::int64_t bytes = 0;             // of the arena
};
inline constexpr std::int64_t kPlanAlignment = 64;

// Places the items in one arena: largest first, each at the lowest offset where it overlaps no item that
// lives at the same time. Errors: sizes that overflow.
Result<MemoryPlan> plan_memory(std::span<const PlanItem> items);

// Checks a plan without knowing how it was made: alignment, bounds, and that no two items that live at the
// same step share a byte.
Status verify_plan(std::span<const PlanItem> items, const MemoryPlan& plan);

}  // namespace graphrun::session
