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

// A float as bf16 has it, in the upper half of the word; what the lower half has is of no use.
inline std::uint32_t rounded_half(float value) {
  const auto word = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = word + 0x7FFFu + ((word >> 16) & 1u);
  return (word & 0x7FFFFFFFu) > 0x7F800000u ? word | 0x400000u : rounded;
}
inline void store_pair(float first, float second, BFloat16* to) {
  const std::uint32_t pair = rounded_half(first) >> 16 | (rounded_half(second) & 0xFFFF0000u);
  std::memcpy(to, &pair, sizeof pair);
}

}  // namespace graphrun::cpu
