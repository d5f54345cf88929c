#pragma once

#include <cstdint>
#include <optional>

// 64-bit arithmetic on numbers that come from files: nothing wraps, an overflow is an empty optional.
namespace graphrun::core {

inline std::optional<std::int64_t> checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (__builtin_add_overflow(a, b, &r)) return std::nullopt;
  return r;
}
inline std::optional<std::int64_t> checked_sub(std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (__builtin_sub_overflow(a, b, &r)) return std::nullopt;
  return r;
}
inline std::optional<std::int64_t> checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (__builtin_mul_overflow(a, b, &r)) return std::nullopt;
  return r;
}
// Quotient rounded towards minus infinity; empty for b == 0 and for the one overflow, INT64_MIN / -1.
inline std::optional<std::int64_t> checked_floor_div(std::int64_t a, std::int64_t b) {
  if (b == 0 || (a == INT64_MIN && b == -1)) return std::nullopt;
  const std::int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

// The whole part, held within the range of the type; 0 for what is not a number.
inline std::int64_t saturating_integer(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(value < kLimit)) return value >= kLimit ? INT64_MAX : 0;
  return value < -kLimit ? INT64_MIN : static_cast<std::int64_t>(value);
}

}  // namespace graphrun::core
