#pragma once

#include <cstdint>
#include <span>

#include "runtime/cpu/tiles.h"

// Products by the CPU's matrix units (AMX), whose sums get their last form in the same pass: of u8 and s8,
// with sums in 32 bits that become u8, and of bf16, with sums in f32 that become bf16. One source file for
// each architecture.
namespace graphrun::cpu {

enum class TileType { bytes, halves };

inline constexpr std::int64_t kTilePixels = 32;                      // of a block
inline constexpr std::int64_t kTileChannels = 32;                    // of a block's results
inline constexpr std::int64_t kTileRun = 64;                         // bytes of a pixel that a step takes
inline constexpr std::int64_t kTileStep = kTileRun * kTileChannels;  // bytes of weights of a step

// The units are there for this type, this process may use them, and oneDNN's limit of instructions allows it.
// Call it before TileProducts are made.
bool has_tile_products(TileType type);

// Where a byte of a pixel's run meets a channel in a step: two tiles of 16 channels, each 16 rows of 4 bytes
// for each channel.
constexpr std::int64_t tile_weight_at(std::int64_t byte, std::int64_t channel) {
  return channel / 16 * (kTileStep / 2) + byte / 4 * 64 + channel % 16 * 4 + byte % 4;
}

// The pixels of a block and their weights.
struct TileBlock {
  const std::byte* x = nullptr;         // of the first pixel
  std::int64_t x_step = 0;              // bytes from pixel to pixel
  std::span<const std::int64_t> steps;  // bytes from a pixel to the run of each step
  const std::byte* weights = nullptr;   // kTileStep for each step, on a cache line
};

// What becomes of a block's sums. Bytes: y = max(low, factor sum + shift + residual_factor residual), not
// more than 255 and cut off; a shift with a half rounds. Halves: y = max(low, sum + shift + residual),
// rounded to the nearest; NaN stays.
struct TileResult {
  std::byte* y = nullptr;               // of pixel `first`
  std::int64_t y_step = 0;              // bytes from pixel to pixel
  const std::byte* residual = nullptr;  // of pixel `first`; null: there is none; it may be y
  std::int64_t residual_step = 0;
  const float* factors = nullptr;  // kTileChannels of them; of bytes alone
  const float* shifts = nullptr;   // likewise
  float residual_factor = 1;       // of bytes alone
  float low = 0;                   // >= 0 with bytes
  std::int64_t first = 0;          // pixels of the block that are written: [first, end)
  std::int64_t end = 0;
};

// Multiplies block after block in one thread. The sums of one get their last form while the units multiply
// the next, so that the last block's y is written by finish() alone.
class TileProducts {
 public:
  explicit TileProducts(TileType type) : type_(type) {}
  void multiply(const TileBlock& block, const TileResult& result);
  void finish();

 private:
  TileScope scope_;
  alignas(64) std::uint32_t sums_[2][kTilePixels * kTileChannels];  // integers or f32
  TileResult pending_;                                              // of the sums that were multiplied last
  int last_ = 0;                                                    // which sums these are
  TileType type_;
};

}  // namespace graphrun::cpu
