#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "datasets/sample.h"
#include "runtime/model/graph.h"
#include "tools/eval/slide_grid.h"

namespace graphrun {

// The two samples that each output of a linear resize reads along one axis, and their weights. Coordinates
// are those of OpenCV's INTER_LINEAR: (i + 0.5) * from / to - 0.5 as a float, clamped to the border.
struct LinearTaps {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> second;
  std::vector<float> first_weight;
  std::vector<float> second_weight;

  // Each sample is a sum over so many: reads become means.
  void divide_by(std::span<const std::int32_t> counts);
};
LinearTaps linear_taps(std::int64_t from, std::int64_t to);

// The image at another size as the network wants it: (pixel - mean * value_scale) / (std * value_scale).
// `out` gets 3 * height * width floats, RGB by pixel.
void resize_normalised(const Image& image, const Preprocess& preprocess, const Extent& size, int threads,
                       float* out);

}  // namespace graphrun
