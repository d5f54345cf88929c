#pragma once

#include <cstdint>

#include "runtime/core/tensor.h"
#include "tools/eval/resample.h"
#include "tools/eval/slide_grid.h"

// The arithmetic between the network's logits and a label map: two passes over the probabilities of an image
// for each scale. Planes are float32, class by class within a pixel, pixels row by row.
namespace graphrun {

// Adds the softmax of a crop's logits to the sums over all crops: (N, classes, H, W), f32, NHWC; sample 1 of
// N = 2 is the mirrored crop and is mirrored back. Pixels that no earlier crop has seen are written, not
// added to, so that `sums` needs no zeroes at the start. Crops come row by row.
struct CropPlace {
  const SlideAxis& rows;
  const SlideAxis& columns;
  std::size_t row = 0;  // of the grid
  std::size_t column = 0;
};
void add_crop(const TensorView& logits, const CropPlace& place, int threads, float* sums);

// Brings a plane to the size of the taps. `total` is what earlier scales have left there; null for none.
struct ResizeBack {
  const float* plane = nullptr;
  const LinearTaps& rows;
  const LinearTaps& columns;
  std::int64_t width = 0;  // of the plane
  std::int64_t classes = 0;
  int threads = 1;
};
// total = plane (first) or total + plane.
void resize_to_total(const ResizeBack& resize, bool first, float* total);
// The class with the largest sum of total and plane; the first of equal ones.
void resize_to_classes(const ResizeBack& resize, const float* total, std::uint8_t* ids);

}  // namespace graphrun
