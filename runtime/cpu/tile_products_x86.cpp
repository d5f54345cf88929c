#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "runtime/cpu/onednn.h"
#include "runtime/cpu/tile_products.h"

namespace graphrun::cpu {
namespace {

constexpr std::int64_t kRow = kTileChannels;  // sums from pixel to pixel
constexpr std::int64_t kRowBytes = kRow * static_cast<std::int64_t>(sizeof(std::uint32_t));
constexpr std::int64_t kTileBytes = 64;  // from row to row of a tile of weights
constexpr std::int64_t kHalf = 16;       // channels of a vector

using Floats [[gnu::vector_size(64)]] = float;
using Integers [[gnu::vector_size(64)]] = std::int32_t;
using Bytes [[gnu::vector_size(16)]] = std::uint8_t;

template <class Vector>
[[gnu::target("avx512f"), gnu::always_inline]] inline void load(const void* from, Vector& to) {
  std::memcpy(&to, from, sizeof to);
}

// Both write kHalf channels of a pixel; read() takes what does not change from pixel to pixel. `residual` is
// null where there is none. g++ widens bytes one by one where it is not told how, and warns of the forms
// without a mask.
struct ByteChannels {
  static constexpr std::int64_t kSize = 1;
  Floats factor, shift, low;
  float residual_factor;

  [[gnu::target("avx512f"), gnu::always_inline]] void read(const TileResult& to, std::int64_t at) {
    load(to.factors + at, factor);
    load(to.shifts + at, shift);
    low = Floats{} + to.low;
    residual_factor = to.residual_factor;
  }
  [[gnu::target("avx512f"), gnu::always_inline]] void write(const std::uint32_t* sums,
                                                            const std::byte* residual, std::byte* y) const {
    Integers sum;
    load(sums, sum);
    Floats value = __builtin_convertvector(sum, Floats) * factor + shift;
    if (residual != nullptr) {
      __m128i bytes;
      load(residual, bytes);
      const auto wide = reinterpret_cast<Integers>(_mm512_maskz_cvtepu8_epi32(0xFFFF, bytes));
      value += __builtin_convertvector(wide, Floats) * residual_factor;
    }
    const Floats most = Floats{} + 255.0f;
    value = value > low ? value : low;
    value = most > value ? value : most;
    const Bytes bytes = __builtin_convertvector(__builtin_convertvector(value, Integers), Bytes);
    std::memcpy(y, &bytes, sizeof bytes);
  }
};

struct HalfChannels {
  static constexpr std::int64_t kSize = 2;
  Floats shift, low;

  [[gnu::target("avx512f"), gnu::always_inline]] void read(const TileResult& to, std::int64_t at) {
    load(to.shifts + at, shift);
    low = Floats{} + to.low;
  }
  [[gnu::target("avx512f,avx512bf16"), gnu::always_inline]] void write(const std::uint32_t* sums,
                                                                       const std::byte* residual,
                                                                       std::byte* y) const {
    Floats value;
    load(sums, value);
    value += shift;
    if (residual != nullptr) {
      __m256i halves;
      load(residual, halves);
      value += reinterpret_cast<Floats>(
          _mm512_maskz_slli_epi32(0xFFFF, _mm512_maskz_cvtepu16_epi32(0xFFFF, halves), 16));
    }
    value = low > value ? low : value;
    const __m256bh halves = _mm512_cvtneps_pbh(reinterpret_cast<__m512>(value));
    std::memcpy(y, &halves, sizeof halves);
  }
};

// The next pixels of `to` until `end`, whose sums are `sums` of the whole block.
template <class Channels, bool kResidual>
[[gnu::target("avx512f,avx512bf16"), gnu::always_inline]] inline void write_next(const std::uint32_t* sums,
                                                                                 TileResult& to,
                                                                                 std::int64_t end) {
  constexpr std::int64_t kHalfBytes = kHalf * Channels::kSize;
  Channels low, high;
  low.read(to, 0);
  high.read(to, kHalf);
  const std::byte* residual = to.residual;
  std::byte* y = to.y;
  const std::int64_t y_step = to.y_step, residual_step = to.residual_step;
  sums += to.first * kRow;
  for (std::int64_t i = to.first; i < end; ++i, sums += kRow, y += y_step) {
    low.write(sums, kResidual ? residual : nullptr, y);
    high.write(sums + kHalf, kResidual ? residual + kHalfBytes : nullptr, y + kHalfBytes);
    if (kResidual) residual += residual_step;
  }
  to.first = end;
  to.y = y;
  to.residual = residual;
}

template <class Channels>
[[gnu::target("avx512f,avx512bf16")]] void write_pixels(const std::uint32_t* sums, TileResult& to,
                                                        std::int64_t end) {
  if (to.first >= end) return;
  if (to.residual != nullptr) {
    write_next<Channels, true>(sums, to, end);
  } else {
    write_next<Channels, false>(sums, to, end);
  }
}

struct ByteTerms {
  using Channels = ByteChannels;
  [[gnu::target("amx-tile,amx-int8"), gnu::always_inline]] static void upper_left() { _tile_dpbusd(0, 4, 6); }
  [[gnu::target("amx-tile,amx-int8"), gnu::always_inline]] static void lower_left() { _tile_dpbusd(2, 5, 6); }
  [[gnu::target("amx-tile,amx-int8"), gnu::always_inline]] static void right() {
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(3, 5, 7);
  }
};
struct HalfTerms {
  using Channels = HalfChannels;
  [[gnu::target("amx-tile,amx-bf16"), gnu::always_inline]] static void upper_left() {
    _tile_dpbf16ps(0, 4, 6);
  }
  [[gnu::target("amx-tile,amx-bf16"), gnu::always_inline]] static void lower_left() {
    _tile_dpbf16ps(2, 5, 6);
  }
  [[gnu::target("amx-tile,amx-bf16"), gnu::always_inline]] static void right() {
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
  }
};

// `before` are the sums of the block before, whose pixels are spread over the steps: the units work on a step
// for longer than such a pixel takes.
template <class Terms>
[[gnu::target("amx-tile,amx-int8,amx-bf16,avx512f,avx512bf16")]] void multiply_block(
    const TileBlock& block, std::uint32_t* sums, const std::uint32_t* before, TileResult& to) {
  using Channels = typename Terms::Channels;
  const std::int64_t count = std::ssize(block.steps);
  const std::int64_t pixels = count > 0 ? (to.end - to.first + count - 1) / count : 0;
  const std::int64_t below = kTilePixels / 2 * block.x_step;
  const std::byte* weights = block.weights;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t i = 0; i < count; ++i, weights += kTileStep) {
    const std::byte* const x = block.x + block.steps[static_cast<std::size_t>(i)];
    _tile_loadd(4, x, block.x_step);
    _tile_loadd(6, weights, kTileBytes);
    Terms::upper_left();
    _tile_loadd(5, x + below, block.x_step);
    Terms::lower_left();
    _tile_loadd(7, weights + kTileStep / 2, kTileBytes);
    Terms::right();
    write_pixels<Channels>(before, to, std::min(to.end, to.first + pixels));
  }
  write_pixels<Channels>(before, to, to.end);
  _tile_stored(0, sums, kRowBytes);
  _tile_stored(1, sums + kHalf, kRowBytes);
  _tile_stored(2, sums + kTilePixels / 2 * kRow, kRowBytes);
  _tile_stored(3, sums + kTilePixels / 2 * kRow + kHalf, kRowBytes);
}

}  // namespace

bool has_tile_products(TileType type) {
  if (!uses_matrix_units() || !has_tiles() || __builtin_cpu_supports("avx512f") == 0) return false;
  if (type == TileType::halves) return __builtin_cpu_supports("avx512bf16") != 0;
  constexpr unsigned kProductsOfBytes = 1u << 25;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kProductsOfBytes) != 0;
}

void TileProducts::multiply(const TileBlock& block, const TileResult& result) {
  const std::uint32_t* const before = sums_[last_];
  last_ = 1 - last_;
  (type_ == TileType::bytes ? multiply_block<ByteTerms> : multiply_block<HalfTerms>)(block, sums_[last_],
                                                                                     before, pending_);
  pending_ = result;
}

void TileProducts::finish() {
  (type_ == TileType::bytes ? write_pixels<ByteChannels> : write_pixels<HalfChannels>)(sums_[last_], pending_,
                                                                                       pending_.end);
}

}  // namespace graphrun::cpu
