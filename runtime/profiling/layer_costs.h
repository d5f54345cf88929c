#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "runtime/session/dims.h"

namespace graphrun::profiling {

// A node of the eval method that does products: a convolution, a product of matrices.
struct LayerCost {
  std::string path;
  Shape output;
  double flops = 0;  // two for each multiplication with its addition, as the layer is written
};

// ErrorCode::usage where a --shape is no N,C,H,W with the channels of the model's image.
Status check_image_shape(const model::Program& program, std::span<const std::int64_t> shape);

// Those of the eval method for one image shape (N, C, H, W), in their order.
Result<std::vector<LayerCost>> eval_layers(const model::Program& program, const Shape& image);

}  // namespace graphrun::profiling
