#pragma once

#include <stdint.h>

// Counter-based random numbers: a value is a function of (key, counter) alone, so that results do not depend
// on thread count, order of evaluation or number of ranks, and any point of a stream is reached without its
// past. Plain constexpr functions on built-in types: device code compiles them as they are.
namespace graphrun::core {

struct Philox4 {
  uint32_t word[4];
};

// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
constexpr Philox4 philox4x32(uint32_t key0, uint32_t key1, uint32_t c0, uint32_t c1, uint32_t c2,
                             uint32_t c3) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57u} * c2;
    const uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ key0;
    const uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ key1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return Philox4{{c0, c1, c2, c3}};
}

// Uniform in [0, 1): multiples of 2^-24.
constexpr float uniform_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }
// Uniform in [0, 1): multiples of 2^-53.
constexpr double uniform_double(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 21) | (low >> 11)) * 0x1p-53;
}
// Uniform integer in [0, bound), bound > 0. Each value's probability is off by less than 2^-32.
constexpr uint32_t bounded(uint32_t bits, uint32_t bound) {
  return static_cast<uint32_t>((uint64_t{bits} * bound) >> 32);
}

// What a stream of random numbers is for: streams of different purposes never overlap. Results of experiments
// hang on these numbers: append, never renumber.
enum class RandomPurpose : uint32_t {
  shuffle = 1,
  augment = 2,
  shapes = 3,
  initial_weights = 4,
  dropout = 5,
  test = 6,
  bootstrap = 7
};

// The numbers of one stream in order: at most 2^34 words for each (seed, purpose, a, b).
class Random {
 public:
  constexpr Random(uint64_t seed, RandomPurpose purpose, uint32_t a = 0, uint32_t b = 0)
      : seed_(seed), purpose_(purpose), a_(a), b_(b) {}

  constexpr uint32_t next_bits() {
    if (used_ == 4) {
      words_ = philox4x32(static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32), block_,
                          static_cast<uint32_t>(purpose_), a_, b_);
      ++block_;
      used_ = 0;
    }
    return words_.word[used_++];
  }
  constexpr double next_double() {
    const uint32_t high = next_bits();
    return uniform_double(high, next_bits());
  }
  // Uniform in [low, high): `low` where both are equal.
  constexpr double next_between(double low, double high) { return low + (high - low) * next_double(); }
  constexpr uint32_t next_below(uint32_t bound) { return bounded(next_bits(), bound); }
  // True with the given probability.
  constexpr bool next_bool(double probability = 0.5) { return next_double() < probability; }

 private:
  uint64_t seed_;
  RandomPurpose purpose_;
  uint32_t a_;
  uint32_t b_;
  uint32_t block_ = 0;
  int used_ = 4;
  Philox4 words_{};
};

}  // namespace graphrun::core
