#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

// Bins of errors between 0 and 1, each 1/256 of its lower end wide; those below 2^-16 share the first.
// Compiled for the CPU and for the GPU: no std.
namespace graphrun::ops::region_loss {

inline constexpr int kBinsOfOctave = 256;
inline constexpr int kOctaves = 16;
inline constexpr int kErrorBins = kOctaves * kBinsOfOctave + 1;

// Precondition: the error is a number, 0 or more.
GRAPHRUN_DEVICE inline int error_bin(float error) {
  constexpr float kLeast = 1.0f / (1 << kOctaves);
  if (error < kLeast) return 0;
  // Floats above 0 are ordered as their bits are: exponent, then mantissa.
  const auto top_bits = [](float value) {
    union {
      float real;
      uint32_t bits;
    } cell{value};
    return static_cast<int>(cell.bits >> 15);  // 8 bits of the mantissa stay
  };
  const int bin = 1 + top_bits(error) - top_bits(kLeast);
  return bin < kErrorBins ? bin : kErrorBins - 1;
}

// The error of a class with probability p in a pixel. NaN stays NaN.
GRAPHRUN_DEVICE inline float error_of(float p, bool is_label) {
  const float miss = 1 - p;
  if (!is_label) return p;
  return miss < 0 ? 0.0f : miss;
}

}  // namespace graphrun::ops::region_loss
