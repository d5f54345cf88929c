#pragma once

#include <cstdint>

#include "graphrun/bfloat16.h"

// Products of small bf16 matrices by the CPU's matrix units (AMX), for kernels that mix them with other work
// while the numbers are in the cache. One source file for each architecture.
namespace graphrun::cpu {

inline constexpr std::int64_t kTileRows = 32;     // of a product's left side
inline constexpr std::int64_t kTileColumns = 16;  // of a tile of the right side
inline constexpr std::int64_t kTileTerms = 32;    // that a tile sums
inline constexpr std::int64_t kTileValues = kTileColumns * kTileTerms;

// The units are there, and this process may use them. Call it before a TileScope is made.
bool has_tiles();

// While it lives, this thread's units are set up for multiply_tiles(); afterwards they are set up as before,
// since oneDNN remembers how it has left them.
class TileScope {
 public:
  TileScope();
  ~TileScope();
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;

 private:
  alignas(64) std::uint8_t before_[64];
};

// The right side of a product: tiles of kTileValues, each 16 rows of pairs of terms, a pair for each column.
struct Tiles {
  const std::uint32_t* data;            // the earlier term in the lower half
  std::int64_t column_step, term_step;  // bf16 elements from tile to tile
};

// c (32, 16 columns) = a (32, 32 terms) b, or c += a b, in f32; `a_row` and `c_row` are elements from row to
// row.
void multiply_tiles(std::int64_t columns, std::int64_t terms, const BFloat16* a, std::int64_t a_row,
                    const Tiles& b, bool add, float* c, std::int64_t c_row);

}  // namespace graphrun::cpu
