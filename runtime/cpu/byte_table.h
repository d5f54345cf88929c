#pragma once

#include <cstdint>
#include <span>

// One source file for each architecture.
namespace graphrun::cpu {

// y = table[x] of `length` bytes; y may be x.
void look_up(std::span<const std::uint8_t, 256> table, const std::uint8_t* x, std::uint8_t* y,
             std::int64_t length);

}  // namespace graphrun::cpu
