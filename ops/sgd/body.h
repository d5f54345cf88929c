#pragma once

#include "graphrun/device_function.h"

namespace graphrun::ops::sgd {

// One element of stochastic gradient descent with momentum and L2 weight decay, as PyTorch defines them:
// without dampening, the learning rate outside the momentum.
GRAPHRUN_DEVICE inline void step(float& parameter, float gradient, float& velocity, float rate,
                                 float momentum, float weight_decay) {
  const float decayed = gradient + weight_decay * parameter;
  velocity = momentum * velocity + decayed;
  parameter -= rate * velocity;
}

}  // namespace graphrun::ops::sgd
