#pragma once

#include <stdint.h>
#include <string.h>

#include "graphrun/device_function.h"

namespace graphrun::numeric {

// ln x within 2 units in the last place for every normal x > 0; smaller ones count as the smallest normal
// number. Without branches, so that loops over it vectorise.
//
// x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2); ln(1 + f) = f - f^2/2 + f^3 q(f) with q of degree 7
// fitted at Chebyshev nodes.
GRAPHRUN_DEVICE inline float log_float(float x) {
  constexpr uint32_t kSqrtHalf = 0x3f3504f3u;  // the bits of sqrt(1/2)
  x = x < 0x1p-126f ? 0x1p-126f : x;
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int32_t k = static_cast<int32_t>(bits - kSqrtHalf) >> 23;
  bits -= static_cast<uint32_t>(k) << 23;
  float mantissa;
  memcpy(&mantissa, &bits, sizeof mantissa);
  const float f = mantissa - 1.0f;
  float q = -0x1.4bd7p-4f;
  q = q * f + 0x1.04591ap-3f;
  q = q * f - 0x1.09abe4p-3f;
  q = q * f + 0x1.22dc4cp-3f;
  q = q * f - 0x1.54d54ep-3f;
  q = q * f + 0x1.99a14cp-3f;
  q = q * f - 0x1.0000c8p-2f;
  q = q * f + 0x1.555552p-2f;
  const float n = static_cast<float>(k);
  const float square = f * f;
  // ln 2 in two parts; the first product is exact.
  return n * 0x1.62e4p-1f + (f + (square * f * q - 0.5f * square + n * 0x1.7f7d1cp-20f));
}

}  // namespace graphrun::numeric
