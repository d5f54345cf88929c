#pragma once

#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/model/program.h"

namespace graphrun::profiling {

// A convolution of the eval method.
struct LayerCost {
  std::string path;
  Shape output;
  double flops = 0;  // two for each multiplication with its addition, as the layer is written
};

// The convolutions of the eval method for one image shape (N, 3, H, W), in their order.
Result<std::vector<LayerCost>> eval_layers(const model::Program& program, const Shape& image);

}  // namespace graphrun::profiling
