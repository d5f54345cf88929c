#pragma once

#include <cstdint>

#include "runtime/cpu/simd.h"

// Pixels' channels mixed by interpolation.
namespace graphrun::ops::conv2d {

GRAPHRUN_SIMD static void accumulate(float weight, const float* from, std::int64_t count, float* acc) {
  for (std::int64_t i = 0; i < count; ++i) acc[i] += weight * from[i];
}

GRAPHRUN_SIMD static void accumulate_two(float a_weight, const float* a, float b_weight, const float* b,
                                         std::int64_t count, float* acc) {
  for (std::int64_t i = 0; i < count; ++i) acc[i] += a_weight * a[i] + b_weight * b[i];
}

template <class T>
GRAPHRUN_SIMD static void store_row(const float* from, std::int64_t count, T* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(from[i]);
}

}  // namespace graphrun::ops::conv2d
