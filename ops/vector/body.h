#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

namespace graphrun::ops::vector {

// An element of a * x + b * y. What b = 0 multiplies is not read: it may be memory that nobody has written.
GRAPHRUN_DEVICE inline float axpby(float a, float x, float b, const float* y) {
  return b == 0 ? a * x : a * x + b * *y;
}

// An element of y moved towards x by the part t of the way. Where both are equal it stays, bit by bit.
GRAPHRUN_DEVICE inline float lerp(float t, float x, float y) { return y + t * (x - y); }

// Infinity and NaN are the numbers whose exponent bits are all set.
GRAPHRUN_DEVICE inline bool is_nonfinite(uint32_t bits) { return (bits & 0x7f800000u) == 0x7f800000u; }

}  // namespace graphrun::ops::vector
