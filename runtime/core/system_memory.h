#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "graphrun/status.h"

// What the machine, and the control groups around this process at any depth, leave it. `root` is put before
// the system's paths, for tests.
namespace graphrun::core {

// Bytes that this process could still take without swapping: what the system has available and what the
// control groups leave, whichever is less. Empty where the system does not say.
std::optional<std::int64_t> available_memory(const std::string& root = {});

// Bytes that it could ever have: memory and swap space, or the least limit of its control groups.
std::optional<std::int64_t> total_memory(const std::string& root = {});

// Before an allocation whose size a file has chosen. Errors (out_of_memory): more than total_memory(); an
// allocation alone may succeed there, and the process is ended when it uses what it was given.
Status check_memory(std::int64_t bytes);

}  // namespace graphrun::core
