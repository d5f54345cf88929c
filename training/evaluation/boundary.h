#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graphrun/image.h"
#include "training/evaluation/image_counts.h"

namespace graphrun::training {

// Boundary IoU (Cheng, Girshick, Dollár, Berg, Kirillov: "Boundary IoU: improving object-centric image
// segmentation evaluation", CVPR 2021): intersection over union of those pixels of label and prediction that
// lie within a distance d of the contour of their class. As in the authors' program d is kBoundaryShare of
// the image's diagonal, rounded, at least a pixel; the distance is the larger of those along rows and along
// columns; and beyond the image there is no class. Pixels that the label ignores count nowhere and are no
// class in the prediction either, so that both have a contour towards them.
inline constexpr double kBoundaryShare = 0.02;
std::int64_t boundary_distance(std::int64_t height, std::int64_t width);

// Counts boundaries of images; keeps its memory from one to the next.
class BoundaryCounter {
 public:
  // Adds to the boundary counts of the row. Precondition: equal sizes.
  void count(const LabelMap& prediction, const LabelMap& label, const ImageCounts::Row<std::int64_t>& row);

 private:
  std::vector<ClassId> masked_;         // the prediction without ignored pixels
  std::vector<std::uint8_t> on_label_;  // whether a pixel is of its class's boundary
  std::vector<std::uint8_t> on_prediction_;
  std::vector<std::uint8_t> alike_;       // of a row of the image
  std::vector<std::int32_t> rows_alike_;  // by column
};

}  // namespace graphrun::training
