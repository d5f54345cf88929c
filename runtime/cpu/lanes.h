#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "graphrun/bfloat16.h"

// Neighbouring channels as one value, for loops that must keep sums in registers: g++ does not promise that
// for arrays. Arithmetic is element by element in float. For use inside GRAPHRUN_SIMD functions.
namespace graphrun::cpu {

template <int kCount>
struct LaneTypes;
template <>
struct LaneTypes<16> {
  using Floats [[gnu::vector_size(64)]] = float;
  using Words [[gnu::vector_size(64)]] = std::uint32_t;
  using Halves [[gnu::vector_size(32)]] = std::uint16_t;
};
template <>
struct LaneTypes<8> {
  using Floats [[gnu::vector_size(32)]] = float;
  using Words [[gnu::vector_size(32)]] = std::uint32_t;
  using Halves [[gnu::vector_size(16)]] = std::uint16_t;
};
template <>
struct LaneTypes<1> {
  using Floats [[gnu::vector_size(4)]] = float;
  using Words [[gnu::vector_size(4)]] = std::uint32_t;
  using Halves [[gnu::vector_size(2)]] = std::uint16_t;
};

template <int kCount>
struct Lanes {
  using Floats = typename LaneTypes<kCount>::Floats;
  using Words = typename LaneTypes<kCount>::Words;
  using Halves = typename LaneTypes<kCount>::Halves;

  Floats value;

  [[gnu::always_inline]] static void load(const float* from, Lanes& to) {
    std::memcpy(&to.value, from, sizeof to.value);
  }
  [[gnu::always_inline]] static void load(const BFloat16* from, Lanes& to) {
    Halves bits;
    std::memcpy(&bits, from, sizeof bits);
    const Words wide = __builtin_convertvector(bits, Words) << 16;
    std::memcpy(&to.value, &wide, sizeof wide);
  }
  [[gnu::always_inline]] static void store(const Lanes& from, float* to) {
    std::memcpy(to, &from.value, sizeof from.value);
  }
  // As bf16 has it, in the upper half of each word.
  [[gnu::always_inline]] static void round(const Lanes& from, Words& to) {
    Words word;
    std::memcpy(&word, &from.value, sizeof word);
    const Words near = word + 0x7FFFu + ((word >> 16) & 1u);
    const Words nan = word | 0x400000u;
    const Words is_nan = reinterpret_cast<Words>((word & 0x7FFFFFFFu) > 0x7F800000u);
    to = (nan & is_nan) | (near & ~is_nan);
  }
  // Rounds as BFloat16 does.
  [[gnu::always_inline]] static void store(const Lanes& from, BFloat16* to) {
    Words kept;
    round(from, kept);
    kept >>= 16;
    const Halves bits = __builtin_convertvector(kept, Halves);
    std::memcpy(to, &bits, sizeof bits);
  }
};

// 32 neighbouring channels of bf16, the even ones and the odd ones: taken apart and put together by shifts
// and masks, where Lanes widens and narrows by shuffles. What is loaded as float has the even ones first.
struct LanePairs {
  static constexpr std::int64_t kChannels = 32;
  using Half = Lanes<16>;
  Half even, odd;

  [[gnu::always_inline]] static void load(const float* from, LanePairs& to) {
    Half::load(from, to.even);
    Half::load(from + 16, to.odd);
  }
  [[gnu::always_inline]] static void load(const BFloat16* from, LanePairs& to) {
    Half::Words words;
    std::memcpy(&words, from, sizeof words);
    const Half::Words even = words << 16, odd = words & 0xFFFF0000u;
    std::memcpy(&to.even.value, &even, sizeof even);
    std::memcpy(&to.odd.value, &odd, sizeof odd);
  }
  [[gnu::always_inline]] static void store(const LanePairs& from, BFloat16* to) {
    Half::Words even, odd;
    Half::round(from.even, even);
    Half::round(from.odd, odd);
    const Half::Words words = even >> 16 | (odd & 0xFFFF0000u);
    std::memcpy(to, &words, sizeof words);
  }
  // Brings numbers of channels, kChannels for each block, into the order in which they are loaded as float.
  static void arrange(float* numbers, std::int64_t channels) {
    for (std::int64_t block = 0; block < channels; block += kChannels) {
      float given[kChannels];
      std::memcpy(given, numbers + block, sizeof given);
      for (std::int64_t c = 0; c < kChannels; ++c) numbers[block + c % 2 * 16 + c / 2] = given[c];
    }
  }
};

// visit(lanes, first channel) over `channels` channels: by 16, then 8, then one by one. `lanes` is a
// std::integral_constant.
template <class Visit>
[[gnu::always_inline]] inline void for_lanes(std::int64_t channels, const Visit& visit) {
  std::int64_t c = 0;
  for (; c + 16 <= channels; c += 16) visit(std::integral_constant<int, 16>(), c);
  for (; c + 8 <= channels; c += 8) visit(std::integral_constant<int, 8>(), c);
  for (; c < channels; ++c) visit(std::integral_constant<int, 1>(), c);
}

}  // namespace graphrun::cpu
