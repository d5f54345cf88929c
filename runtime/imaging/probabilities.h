#pragma once

#include <cstdint>

#include "graphrun/tensor.h"
#include "runtime/imaging/found_classes.h"
#include "runtime/imaging/resize_table.h"
#include "runtime/imaging/slide_grid.h"

// The arithmetic between the network's logits and a label map, on few passes over the probabilities of an
// image: logits are interpolated, turned into probabilities and added up a few pixels at a time.
// LabelAccumulator are float32, class by class within a pixel, pixels row by row.
namespace graphrun::imaging {

// One view of the image as the network saw it: a sample of logits, (N, classes, h, w), f32, NHWC, read at any
// size. With `mirrored`, the sample after it is that of the mirror image, whose columns are read through
// these.
struct ViewLogits {
  const TensorView& logits;
  std::int64_t sample = 0;
  const WeightedResizeTable& rows;
  const WeightedResizeTable& columns;
  const WeightedResizeTable* mirrored = nullptr;
  int threads = 1;
};

// Adds the softmax of a crop and of its mirror image to the sums over all crops of an image. Pixels that no
// earlier crop has seen are written, not added to, so that `sums` needs no zeroes at the start. Crops come
// row by row. Precondition: the taps have the crop's size.
struct CropPlace {
  const SlideAxis& rows;
  const SlideAxis& columns;
  std::size_t row = 0;  // of the grid
  std::size_t column = 0;
};
void add_crop(const ViewLogits& view, const CropPlace& place, float* sums);

// A whole view at the taps' size: total = its softmax and that of its mirror image, added up (first), or
// total + these.
void view_to_total(const ViewLogits& view, bool first, float* total);
// The class with the largest sum of total (null for none) and these; the first of equal ones.
void view_to_classes(const ViewLogits& view, const float* total, const FoundClasses& found);

// Brings a plane to the size of the taps. `total` is what earlier scales have left there; null for none.
struct ResizeBack {
  const float* plane = nullptr;
  const ResizeTable& rows;
  const ResizeTable& columns;
  std::int64_t width = 0;  // of the plane
  std::int64_t classes = 0;
  int threads = 1;
};
// total = plane (first) or total + plane.
void resize_to_total(const ResizeBack& resize, bool first, float* total);
// The class with the largest sum of total and plane; the first of equal ones.
void resize_to_classes(const ResizeBack& resize, const float* total, const FoundClasses& found);

}  // namespace graphrun::imaging
