#pragma once

#include <cstdint>
#include <limits>

#include "runtime/numeric/exp.h"

// Softmax of the n channels of one pixel. Always inlined, so that the loops are compiled for the vectors of
// their GRAPHRUN_SIMD callers.
namespace graphrun::numeric {

// Largest value; NaN is passed over.
[[gnu::always_inline]] inline float row_max(const float* v, std::int64_t n) {
  float max = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : max)
  for (std::int64_t c = 0; c < n; ++c) max = v[c] > max ? v[c] : max;
  return max;
}

// e[c] = exp(v[c] - shift); returns their sum.
[[gnu::always_inline]] inline float row_exp(const float* v, float shift, std::int64_t n, float* e) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < n; ++c) {
    e[c] = exp_float(v[c] - shift);
    sum += e[c];
  }
  return sum;
}

// The sum of row_exp alone.
[[gnu::always_inline]] inline float row_exp_sum(const float* v, float shift, std::int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < n; ++c) sum += exp_float(v[c] - shift);
  return sum;
}

// The first channel that has `value`; 0 where none has (the row is all NaN).
[[gnu::always_inline]] inline std::int32_t row_find(const float* v, float value, std::int64_t n) {
  const auto none = static_cast<std::int32_t>(n);
  std::int32_t first = none;
#pragma omp simd reduction(min : first)
  for (std::int32_t c = 0; c < none; ++c) {
    const std::int32_t here = v[c] == value ? c : none;
    first = here < first ? here : first;
  }
  return first == none ? 0 : first;
}

}  // namespace graphrun::numeric
