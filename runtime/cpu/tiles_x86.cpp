#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/cpu/tiles.h"

namespace graphrun::cpu {
namespace {

// Linux grants the units' registers to a process that asks for them.
bool may_use_tiles() {
  constexpr long kAskForComponent = 0x1023, kTileData = 18;
  constexpr unsigned kTileUnits = 1u << 24 | 1u << 22;  // and their products of bf16
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kTileUnits) == kTileUnits &&
         syscall(SYS_arch_prctl, kAskForComponent, kTileData) == 0;
}

// Eight registers of 16 rows of 64 bytes.
struct Configuration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(Configuration) == 64);
// In memory as a whole: compilers believe that the instruction reads eight bytes.
alignas(64) constexpr Configuration kOurs;

constexpr std::int64_t kTileBytes = 64;  // from row to row of a tile of the right side

// Two tiles of the right side at once: each of the left side's is loaded once for both.
[[gnu::target("amx-tile,amx-bf16")]] void multiply_two(std::int64_t terms, const BFloat16* a,
                                                       std::int64_t a_row, const Tiles& b, bool add, float* c,
                                                       std::int64_t c_row) {
  const std::int64_t from_row = a_row * static_cast<std::int64_t>(sizeof(BFloat16));
  const std::int64_t to_row = c_row * static_cast<std::int64_t>(sizeof(float));
  float* const below = c + 16 * c_row;
  if (add) {
    _tile_loadd(0, c, to_row);
    _tile_loadd(1, c + 16, to_row);
    _tile_loadd(2, below, to_row);
    _tile_loadd(3, below + 16, to_row);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  const std::uint32_t* right = b.data;
  for (std::int64_t t = 0; t < terms; ++t, a += kTileTerms, right += b.term_step / 2) {
    _tile_loadd(4, a, from_row);
    _tile_loadd(5, a + 16 * a_row, from_row);
    _tile_loadd(6, right, kTileBytes);
    _tile_loadd(7, right + b.column_step / 2, kTileBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, to_row);
  _tile_stored(1, c + 16, to_row);
  _tile_stored(2, below, to_row);
  _tile_stored(3, below + 16, to_row);
}

[[gnu::target("amx-tile,amx-bf16")]] void multiply_one(std::int64_t terms, const BFloat16* a,
                                                       std::int64_t a_row, const Tiles& b, bool add, float* c,
                                                       std::int64_t c_row) {
  const std::int64_t from_row = a_row * static_cast<std::int64_t>(sizeof(BFloat16));
  const std::int64_t to_row = c_row * static_cast<std::int64_t>(sizeof(float));
  float* const below = c + 16 * c_row;
  if (add) {
    _tile_loadd(0, c, to_row);
    _tile_loadd(2, below, to_row);
  } else {
    _tile_zero(0);
    _tile_zero(2);
  }
  const std::uint32_t* right = b.data;
  for (std::int64_t t = 0; t < terms; ++t, a += kTileTerms, right += b.term_step / 2) {
    _tile_loadd(4, a, from_row);
    _tile_loadd(5, a + 16 * a_row, from_row);
    _tile_loadd(6, right, kTileBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
  }
  _tile_stored(0, c, to_row);
  _tile_stored(2, below, to_row);
}

[[gnu::target("amx-tile")]] void set_up(std::uint8_t* before) {
  _tile_storeconfig(before);
  _tile_loadconfig(&kOurs);
}
[[gnu::target("amx-tile")]] void restore(const std::uint8_t* before) { _tile_loadconfig(before); }

}  // namespace

bool has_tiles() {
  static const bool granted = may_use_tiles();
  return granted;
}

TileScope::TileScope() { set_up(before_); }
TileScope::~TileScope() { restore(before_); }

void multiply_tiles(std::int64_t columns, std::int64_t terms, const BFloat16* a, std::int64_t a_row,
                    const Tiles& b, bool add, float* c, std::int64_t c_row) {
  Tiles rest = b;
  for (; columns >= 2; columns -= 2, rest.data += b.column_step, c += 2 * kTileColumns)
    multiply_two(terms, a, a_row, rest, add, c, c_row);
  if (columns == 1) multiply_one(terms, a, a_row, rest, add, c, c_row);
}

}  // namespace graphrun::cpu
