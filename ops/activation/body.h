#pragma once

#include "graphrun/device_function.h"
#include "runtime/numeric/exp.h"

// One element each.
namespace graphrun::ops::activation {

// NaN stays NaN, so that a diverged training shows.
GRAPHRUN_DEVICE inline float relu(float x) { return 0.0f > x ? 0.0f : x; }
GRAPHRUN_DEVICE inline float relu_grad(float gy, float y) { return y > 0.0f ? gy : 0.0f; }

GRAPHRUN_DEVICE inline float sigmoid(float x) { return 1.0f / (1.0f + numeric::exp_float(-x)); }
GRAPHRUN_DEVICE inline float sigmoid_grad(float gy, float y) { return gy * y * (1.0f - y); }

}  // namespace graphrun::ops::activation
