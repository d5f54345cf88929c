#include <immintrin.h>

#include "runtime/cpu/byte_table.h"

namespace graphrun::cpu {
namespace {

void look_up_each(const std::uint8_t* table, const std::uint8_t* x, std::uint8_t* y, std::int64_t length) {
  for (std::int64_t i = 0; i < length; ++i) y[i] = table[x[i]];
}

// 64 bytes at once: seven bits choose from each half of the table, the eighth between the two.
[[gnu::target("avx512vbmi,avx512bw")]] void look_up_wide(const std::uint8_t* table, const std::uint8_t* x,
                                                         std::uint8_t* y, std::int64_t length) {
  const __m512i parts[] = {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64),
                           _mm512_loadu_si512(table + 128), _mm512_loadu_si512(table + 192)};
  std::int64_t i = 0;
  for (; i + 64 <= length; i += 64) {
    const __m512i at = _mm512_loadu_si512(x + i);
    const __m512i low = _mm512_permutex2var_epi8(parts[0], at, parts[1]);
    const __m512i high = _mm512_permutex2var_epi8(parts[2], at, parts[3]);
    _mm512_storeu_si512(y + i, _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(at), high));
  }
  look_up_each(table, x + i, y + i, length - i);
}

}  // namespace

void look_up(std::span<const std::uint8_t, 256> table, const std::uint8_t* x, std::uint8_t* y,
             std::int64_t length) {
  const bool wide = __builtin_cpu_supports("avx512vbmi") != 0 && __builtin_cpu_supports("avx512bw") != 0;
  (wide ? look_up_wide : look_up_each)(table.data(), x, y, length);
}

}  // namespace graphrun::cpu
