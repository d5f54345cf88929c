#pragma once

#include <cstdint>

namespace graphrun::core {

// The least multiple of `unit` that is not less than `count`. Preconditions: count >= 0, unit >= 1, and the
// result fits.
constexpr std::int64_t round_up(std::int64_t count, std::int64_t unit) {
  return (count + unit - 1) / unit * unit;
}

// Memory that kernels are given begins on a cache line, which is also a register of AVX-512.
inline constexpr std::int64_t kCacheLine = 64;

// Bytes rounded up to whole cache lines, so that what follows begins on one, too.
constexpr std::int64_t whole_lines(std::int64_t bytes) { return round_up(bytes, kCacheLine); }

}  // namespace graphrun::core
