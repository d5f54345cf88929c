#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/session/recomputation.h"

namespace graphrun::core {

// Bytes that this process could still take without swapping: what the system has available and what the
// control group leaves, whichever is less. Empty where the system does not say.
std::optional<std::int64_t> available_memory();

// "2442 MB of memory planned; 12 of 44 recomputations undone"
std::string planned_memory_text(std::int64_t bytes, const session::Recomputations& recomputations);

}  // namespace graphrun::core
