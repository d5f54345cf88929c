#pragma once

#include <cmath>

#include "graphrun/device_function.h"

namespace graphrun::ops::adamw {

// What is the same for all elements of a tensor in one step.
struct Constants {
  float beta1, beta2;
  float rest1, rest2;  // 1 - beta
  float eps;
  float weight_decay;
  float inverse_bias1;       // 1 / (1 - beta1^t)
  float inverse_root_bias2;  // 1 / sqrt(1 - beta2^t)
};

// The part of step t that no element changes. 1 - beta^t loses its digits in f32 where t is small.
GRAPHRUN_DEVICE inline void correct_bias(Constants& constants, double beta1, double beta2, double t) {
  constants.inverse_bias1 = static_cast<float>(1.0 / (1.0 - pow(beta1, t)));
  constants.inverse_root_bias2 = static_cast<float>(1.0 / sqrt(1.0 - pow(beta2, t)));
}

// One element of Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), the decay
// multiplied by the learning rate as PyTorch does it.
GRAPHRUN_DEVICE inline void step(float& parameter, float gradient, float& mean, float& square, float rate,
                                 const Constants& c) {
  mean = c.beta1 * mean + c.rest1 * gradient;
  square = c.beta2 * square + c.rest2 * gradient * gradient;
  const float scale = sqrtf(square) * c.inverse_root_bias2 + c.eps;
  parameter -= rate * (c.weight_decay * parameter + mean * c.inverse_bias1 / scale);
}

}  // namespace graphrun::ops::adamw
