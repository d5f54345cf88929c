#pragma once

#include <math.h>
#include <stdint.h>

#include "graphrun/device_function.h"
#include "runtime/numeric/interpolation_weights.h"

// The arithmetic of a pixel's logits, the same wherever a GPU needs them again. Exponentials are taken to the
// base 2, which the hardware has.
namespace graphrun::ops::resize_cross_entropy {

inline constexpr float kLog2e = 1.44269504f;
inline constexpr float kLn2 = 0.693147181f;

// Stands in the padding of classes: mixed with itself it stays about itself, and its exponential beside any
// logit is 0.
inline constexpr float kPadding = -3e38f;

// 2^x with a relative error of 2^-22; 0 below 2^-126.
GRAPHRUN_DEVICE inline float fast_exp2(float x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return exp2f(x);
#endif
}

// Mixes along a row: of the pixels to the left and to the right of a label's column.
GRAPHRUN_DEVICE inline float mix_columns(const numeric::InterpolationWeights& column, float left,
                                         float right) {
  return fmaf(column.second_weight, right, column.first_weight * left);
}
// Mixes two rows, of which the lower one is given by its difference from the upper one.
GRAPHRUN_DEVICE inline float mix_rows(float below_weight, float above, float difference) {
  return fmaf(below_weight, difference, above);
}

// e^(logit - shift) = 2^exponent, where `shift` is in units of ln 2.
GRAPHRUN_DEVICE inline float exponent_of(float logit, float shift) { return fmaf(logit, kLog2e, -shift); }

}  // namespace graphrun::ops::resize_cross_entropy
