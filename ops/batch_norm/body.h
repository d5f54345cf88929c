#pragma once

#include "graphrun/device_function.h"

// One element each. What is per channel: mean, scale = inv_std * weight, bias.
namespace graphrun::ops::batch_norm {

// Forward and backward must round alike, because the backward pass finds the activation's mask by it.
GRAPHRUN_DEVICE inline float normalise(float x, float mean, float scale, float bias) {
  return (x - mean) * scale + bias;
}

GRAPHRUN_DEVICE inline float relu(float z) { return 0.0f > z ? 0.0f : z; }

// The gradient before the activation; `z` is what went into it, or what came out.
GRAPHRUN_DEVICE inline float relu_mask(float gy, float z) { return z > 0.0f ? gy : 0.0f; }

// mean_gz: of gz; slope: inv_std * the mean of gz * xhat.
GRAPHRUN_DEVICE inline float input_gradient(float gz, float x, float mean, float scale, float mean_gz,
                                            float slope) {
  return scale * (gz - mean_gz - (x - mean) * slope);
}

}  // namespace graphrun::ops::batch_norm
