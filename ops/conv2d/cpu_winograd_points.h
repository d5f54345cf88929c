#pragma once

#include <cstdint>

#include "ops/conv2d/winograd.h"

// The points of winograd.h, and what its transforms share on the CPU.
namespace graphrun::ops::conv2d::winograd {

inline constexpr std::int64_t kBlock = 64;  // channels that are transformed at once
inline constexpr float kZeros[kBlock] = {};

// The points are 0, +-kP, +-kQ and infinity. Among binary fractions these leave small errors: the largest are
// a fifth of those with 1 and 2.
inline constexpr float kP = 0.75f, kQ = 1.5f;
inline constexpr float kP2 = kP * kP, kQ2 = kQ * kQ, kP3 = kP2 * kP, kQ3 = kQ2 * kQ;

// Weights to points along one axis.
struct WeightPoints {
  double g[kIn][3];
};
constexpr WeightPoints weight_points() {
  constexpr double p = kP, q = kQ;
  WeightPoints all{{{1 / (p * p * q * q), 0, 0}, {}, {}, {}, {}, {0, 0, 1}}};
  const double points[] = {p, -p, q, -q};
  for (int i = 0; i < 4; ++i) {
    const double a = points[i];
    const double norm = 2 * a * a * (i < 2 ? p * p - q * q : q * q - p * p);
    all.g[i + 1][0] = 1 / norm;
    all.g[i + 1][1] = a / norm;
    all.g[i + 1][2] = a * a / norm;
  }
  return all;
}
inline constexpr WeightPoints kWeightPoints = weight_points();
inline constexpr auto& kG = kWeightPoints.g;

}  // namespace graphrun::ops::conv2d::winograd
