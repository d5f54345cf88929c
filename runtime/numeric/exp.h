#pragma once

#include <stdint.h>
#include <string.h>

#include "graphrun/device_function.h"

namespace graphrun::numeric {

// 2^k for -127 < k < 128.
GRAPHRUN_DEVICE inline float power_of_two(int32_t k) {
  const uint32_t bits = static_cast<uint32_t>(k + 127) << 23;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// e^x within 2 units in the last place for every float: denormals, 0 and infinity at the ends, NaN for NaN.
// Without branches, so that loops over it vectorise.
//
// x = n ln 2 + r with |r| <= ln(2)/2, e^r = 1 + r + r^2 q(r) with q of degree 4 fitted at Chebyshev nodes
// (relative error 1.1e-8), and 2^n as a product of two powers, because 2^n itself may not be a float.
GRAPHRUN_DEVICE inline float exp_float(float x) {
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  const float round = 0x1.8p23f;  // sums with it have the unit in the last place 1
  const float sum = x * 0x1.715476p+0f + round;
  const float n = sum - round;
  const float r =
      (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;  // ln 2 in two parts; the first product is exact
  float q = 0x1.6d117cp-10f;
  q = q * r + 0x1.120be2p-7f;
  q = q * r + 0x1.555518p-5f;
  q = q * r + 0x1.5554dcp-3f;
  q = q * r + 0.5f;
  const float e = 1.0f + (r + r * r * q);
  uint32_t bits;
  memcpy(&bits, &sum, sizeof bits);
  const int32_t k = static_cast<int32_t>(bits - 0x4B400000u);  // the bits of `round`
  const int32_t half = k >> 1;
  return e * power_of_two(half) * power_of_two(k - half);
}

}  // namespace graphrun::numeric
