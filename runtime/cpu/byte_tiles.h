#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/tiles.h"

// Products of u8 and s8 by the CPU's matrix units (AMX), whose sums in 32 bits become u8 in the same pass.
// One source file for each architecture.
namespace graphrun::cpu {

inline constexpr std::int64_t kBytePixels = 32;                        // of a block
inline constexpr std::int64_t kByteChannels = 32;                      // of a block's results
inline constexpr std::int64_t kByteTerms = 64;                         // that a step sums
inline constexpr std::int64_t kByteStep = kByteTerms * kByteChannels;  // weights of a step

// The units are there, and this process may use them. Call it before ByteProducts are made.
bool has_byte_tiles();

// Where the weight of a term and a channel lies in a step: two tiles of 16 channels, each 16 rows of 4 terms
// for each channel.
constexpr std::int64_t byte_weight_at(std::int64_t term, std::int64_t channel) {
  return channel / 16 * (kByteStep / 2) + term / 4 * 64 + channel % 16 * 4 + term % 4;
}

// The pixels of a block and their weights.
struct ByteBlock {
  const std::uint8_t* x = nullptr;       // of the first pixel
  std::int64_t x_step = 0;               // bytes from pixel to pixel
  std::span<const std::int64_t> steps;   // bytes from a pixel to the terms of each step
  const std::int8_t* weights = nullptr;  // kByteStep for each step, on a cache line
};

// What becomes of a block's sums: y = max(low, factor sum + shift + residual_factor residual), not more than
// 255 and cut off; a shift with a half rounds.
struct ByteResult {
  std::uint8_t* y = nullptr;               // of pixel `first`
  std::int64_t y_step = 0;                 // bytes from pixel to pixel
  const std::uint8_t* residual = nullptr;  // of pixel `first`; null: there is none; it may be y
  std::int64_t residual_step = 0;
  const float* factors = nullptr;  // kByteChannels of them
  const float* shifts = nullptr;   // likewise
  float residual_factor = 0;
  float low = 0;           // >= 0
  std::int64_t first = 0;  // pixels of the block that are written: [first, end)
  std::int64_t end = 0;
};

// Multiplies block after block in one thread. The sums of one become bytes while the units
// multiply the next, so that the last block's y is written by finish() alone.
class ByteProducts {
 public:
  void multiply(const ByteBlock& block, const ByteResult& result);
  void finish();

 private:
  TileScope scope_;
  alignas(64) std::int32_t sums_[2][kBytePixels * kByteChannels];
  ByteResult pending_;  // of the sums that were multiplied last
  int last_ = 0;        // which sums these are
};

}  // namespace graphrun::cpu
