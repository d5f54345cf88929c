#pragma once

#include <cstdint>

#include "graphrun/image.h"
#include "graphrun/status.h"
#include "runtime/collective/communicator.h"
#include "training/evaluation/boundary.h"
#include "training/evaluation/calibration.h"
#include "training/evaluation/image_counts.h"
#include "training/evaluation/metrics.h"

namespace graphrun::training {

// All that is counted of the labelled images of an evaluation.
class Tally {
 public:
  Tally(std::int64_t images, int classes, bool has_boundaries)
      : confusion_(classes), of_image_(classes), images_(images, classes, has_boundaries) {}

  // Counts the image of this number, once. Calibration is counted where the map has confidence.
  // Precondition: equal sizes.
  void add(std::int64_t image, const LabelMap& map, const LabelMap& label);

  // The tally of all images, to which each rank's, of every size-th image from its number on, contributes.
  static Result<Tally> sum(const Tally& own, std::int64_t images, collective::Communicator& comm);

  const ConfusionMatrix& confusion() const { return confusion_; }
  const ImageCounts& images() const { return images_; }
  const Calibration& calibration() const { return calibration_; }
  bool has_confidence() const { return calibration_.pixels() > 0; }

 private:
  ConfusionMatrix confusion_;
  ConfusionMatrix of_image_;  // in hand
  ImageCounts images_;
  Calibration calibration_;
  BoundaryCounter boundaries_;
};

}  // namespace graphrun::training
