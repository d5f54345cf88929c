#pragma once

#include <cstdint>
#include <optional>

namespace graphrun::core {

// Bytes that this process could still take without swapping: what the system has available and what the
// control group leaves, whichever is less. Empty where the system does not say.
std::optional<std::int64_t> available_memory();

}  // namespace graphrun::core
