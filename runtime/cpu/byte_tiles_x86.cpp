#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "runtime/cpu/byte_tiles.h"

namespace graphrun::cpu {
namespace {

constexpr std::int64_t kRow = kByteChannels;  // sums from pixel to pixel
constexpr std::int64_t kRowBytes = kRow * static_cast<std::int64_t>(sizeof(std::int32_t));
constexpr std::int64_t kTileBytes = 64;  // from row to row of a tile of weights

using Floats [[gnu::vector_size(64)]] = float;
using Integers [[gnu::vector_size(64)]] = std::int32_t;
using Bytes [[gnu::vector_size(16)]] = std::uint8_t;

template <class Vector>
[[gnu::target("avx512f"), gnu::always_inline]] inline void load(const void* from, Vector& to) {
  std::memcpy(&to, from, sizeof to);
}

// 16 channels of pixels, as far as these do not change from pixel to pixel.
struct Channels {
  Floats factor, shift, low;
  float residual_factor;
};

[[gnu::target("avx512f"), gnu::always_inline]] inline void read_channels(const ByteResult& to,
                                                                         std::int64_t at,
                                                                         Channels& channels) {
  load(to.factors + at, channels.factor);
  load(to.shifts + at, channels.shift);
  channels.low = Floats{} + to.low;
  channels.residual_factor = to.residual_factor;
}

// Without residual where that is null.
[[gnu::target("avx512f"), gnu::always_inline]] inline void write_channels(const std::int32_t* sums,
                                                                          const Channels& channels,
                                                                          const std::uint8_t* residual,
                                                                          std::uint8_t* y) {
  Integers sum;
  load(sums, sum);
  Floats value = __builtin_convertvector(sum, Floats) * channels.factor + channels.shift;
  if (residual != nullptr) {
    __m128i bytes;
    load(residual, bytes);
    // g++ widens bytes one by one where it is not told how, and warns of the form without a mask.
    const auto wide = reinterpret_cast<Integers>(_mm512_maskz_cvtepu8_epi32(0xFFFF, bytes));
    value += __builtin_convertvector(wide, Floats) * channels.residual_factor;
  }
  value = value > channels.low ? value : channels.low;
  const Floats most = Floats{} + 255.0f;
  value = most > value ? value : most;
  const Bytes bytes = __builtin_convertvector(__builtin_convertvector(value, Integers), Bytes);
  std::memcpy(y, &bytes, sizeof bytes);
}

// The next pixels of `to` until `end`, whose sums are `sums` of the whole block.
template <bool kResidual>
[[gnu::target("avx512f"), gnu::always_inline]] inline void write_next(const std::int32_t* sums,
                                                                      ByteResult& to, std::int64_t end) {
  Channels low, high;
  read_channels(to, 0, low);
  read_channels(to, 16, high);
  const std::uint8_t* residual = to.residual;
  std::uint8_t* y = to.y;
  const std::int64_t y_step = to.y_step, residual_step = to.residual_step;
  sums += to.first * kRow;
  for (std::int64_t i = to.first; i < end; ++i, sums += kRow, y += y_step) {
    write_channels(sums, low, kResidual ? residual : nullptr, y);
    write_channels(sums + 16, high, kResidual ? residual + 16 : nullptr, y + 16);
    if (kResidual) residual += residual_step;
  }
  to.first = end;
  to.y = y;
  to.residual = residual;
}

[[gnu::target("avx512f")]] void write_pixels(const std::int32_t* sums, ByteResult& to, std::int64_t end) {
  if (to.first >= end) return;
  if (to.residual != nullptr) {
    write_next<true>(sums, to, end);
  } else {
    write_next<false>(sums, to, end);
  }
}

// `before` are the sums of the block before, whose pixels are spread over the steps: the units work on a step
// for longer than such a pixel takes.
[[gnu::target("amx-tile,amx-int8,avx512f")]] void multiply_block(const ByteBlock& block, std::int32_t* sums,
                                                                 const std::int32_t* before, ByteResult& to) {
  const std::int64_t count = std::ssize(block.steps);
  const std::int64_t pixels = count > 0 ? (to.end - to.first + count - 1) / count : 0;
  const std::int64_t below = 16 * block.x_step;
  const std::int8_t* weights = block.weights;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::int64_t i = 0; i < count; ++i, weights += kByteStep) {
    const std::uint8_t* const x = block.x + block.steps[static_cast<std::size_t>(i)];
    _tile_loadd(4, x, block.x_step);
    _tile_loadd(6, weights, kTileBytes);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(5, x + below, block.x_step);
    _tile_dpbusd(2, 5, 6);
    _tile_loadd(7, weights + kByteStep / 2, kTileBytes);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(3, 5, 7);
    write_pixels(before, to, std::min(to.end, to.first + pixels));
  }
  write_pixels(before, to, to.end);
  _tile_stored(0, sums, kRowBytes);
  _tile_stored(1, sums + 16, kRowBytes);
  _tile_stored(2, sums + 16 * kRow, kRowBytes);
  _tile_stored(3, sums + 16 * kRow + 16, kRowBytes);
}

}  // namespace

bool has_byte_tiles() {
  constexpr unsigned kProductsOfBytes = 1u << 25;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return has_tiles() && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kProductsOfBytes) != 0 &&
         __builtin_cpu_supports("avx512f") != 0;
}

void ByteProducts::multiply(const ByteBlock& block, const ByteResult& result) {
  const std::int32_t* const before = sums_[last_];
  last_ = 1 - last_;
  multiply_block(block, sums_[last_], before, pending_);
  pending_ = result;
}

void ByteProducts::finish() { write_pixels(sums_[last_], pending_, pending_.end); }

}  // namespace graphrun::cpu
