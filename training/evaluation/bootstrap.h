#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "training/evaluation/image_counts.h"

// How far figures of a split are those of other images of its kind: the percentile bootstrap over images
// (Efron, Tibshirani: "An introduction to the bootstrap", 1993, chapter 13). As many images as there are
// are drawn with replacement, kResamples times, and the figure is computed of each draw. The draws hang on
// the number of images alone, so that two evaluations of the same images are drawn alike.
namespace graphrun::training {

inline constexpr int kResamples = 1000;
inline constexpr double kLevel = 0.95;

struct Interval {
  double low = 0;
  double high = 0;
};

struct ScoreIntervals {
  Interval mean_iou;          // over all classes, absent ones count as 0
  Interval mean_iou_present;  // over the classes that occur in the draw
};
// Precondition: an image or more.
ScoreIntervals score_intervals(const ImageCounts& counts);

// A figure of one evaluation less that of another one.
struct Difference {
  double value = 0;
  Interval interval;

  bool is_clear() const { return interval.low > 0 || interval.high < 0; }
};
struct PairedDifferences {
  Difference mean_iou;
  std::vector<Difference> classes;  // of IoU
};
// Precondition: the same images in the same order, an image or more; as many classes.
PairedDifferences paired_differences(const ImageCounts& counts, const ImageCounts& other);

}  // namespace graphrun::training
