#pragma once

#include <cstdint>
#include <cstring>

#include "graphrun/bfloat16.h"

// Neighbouring bf16 two by two, as words. In a loop that is compiled for vectors, taking them apart and
// putting them together is shifts and masks; one by one they are widened and narrowed by shuffles, which all
// go through the one port that has them. For use inside GRAPHRUN_SIMD functions.
namespace graphrun::cpu {

inline std::uint32_t load_pair(const BFloat16* from) {
  std::uint32_t pair;
  std::memcpy(&pair, from, sizeof pair);
  return pair;
}
inline float first_half(std::uint32_t pair) { return __builtin_bit_cast(float, pair << 16); }
inline float second_half(std::uint32_t pair) { return __builtin_bit_cast(float, pair & 0xFFFF0000u); }

inline void store_pair(float first, float second, BFloat16* to) {
  const std::uint32_t pair = BFloat16(first).bits | std::uint32_t{BFloat16(second).bits} << 16;
  std::memcpy(to, &pair, sizeof pair);
}

}  // namespace graphrun::cpu
