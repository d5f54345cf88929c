#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"

namespace graphrun::numeric {

// Where one output index reads along one axis: two neighbours and their weights. Plain data, for bodies too.
struct InterpolationWeights {
  int32_t first = 0;
  int32_t second = 0;  // first + 1, or first where its weight is 0
  float first_weight = 1;
  float second_weight = 0;

  GRAPHRUN_DEVICE float weight_of(int64_t i) const {
    return (first == i ? first_weight : 0.0f) + (second == i ? second_weight : 0.0f);
  }
};

}  // namespace graphrun::numeric
