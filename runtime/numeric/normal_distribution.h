#pragma once

#include "graphrun/device_function.h"
#include "runtime/numeric/exp.h"

namespace graphrun::numeric {

// The density of the standard normal distribution.
GRAPHRUN_DEVICE inline float normal_density(float x) { return 0.398942280f * exp_float(-0.5f * x * x); }

// The probability that a standard normal number is below x, to some 1e-7 of itself; in the lower tail the
// rounding of x^2 adds x^2 times that. Without branches, so that loops over it vectorise.
//
// It is erfc(z)/2 = e^(-z^2) erfcx(z)/2 with z = -x/sqrt(2) where x < 0, and 1 less that of -x elsewhere.
// erfcx(z) = t P(t), t = 1/(1 + z/2.5), with P of degree 8 fitted for the smallest relative error over t from
// 0.06 to 1.
GRAPHRUN_DEVICE inline float normal_distribution(float x) {
  const float size = x < 0.0f ? -x : x;
  const float t = 1.0f / (1.0f + size * 0.282842712f);
  float p = 0x1.99fdcap-5f;
  p = p * t - 0x1.749bd4p-3f;
  p = p * t + 0x1.5694740p-3f;
  p = p * t - 0x1.ed9d6ap-9f;
  p = p * t + 0x1.1f6676p-3f;
  p = p * t + 0x1.59f8b8p-3f;
  p = p * t + 0x1.a9802cp-3f;
  p = p * t + 0x1.ce301ep-3f;
  p = p * t + 0x1.ce2efap-3f;
  const float tail = 0.5f * exp_float(-0.5f * size * size) * t * p;
  return x < 0.0f ? tail : 1.0f - tail;
}

}  // namespace graphrun::numeric
