#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "graphrun/image.h"

namespace graphrun::training {

struct ClassMetrics {
  std::int64_t intersection = 0;
  std::int64_t union_ = 0;
  std::int64_t target = 0;
  std::int64_t predicted = 0;
  double iou = 0;       // intersection / (union + 1e-10): 0 for a class that is absent from both
  double accuracy = 0;  // intersection / (target + 1e-10)
  // The first three of these are 0 where the divisor is 0.
  double precision = 0;  // intersection / predicted
  double recall = 0;     // intersection / target
  double f1 = 0;         // harmonic mean of the two
  double dice = 0;       // 2 intersection / (target + predicted): of sets of pixels the same as f1
};

struct Metrics {
  std::vector<ClassMetrics> classes;
  double mean_iou = 0;       // over all classes, absent ones too
  double mean_accuracy = 0;  // likewise
  double accuracy = 0;       // of all labelled pixels
  double mean_dice = 0;      // over all classes, absent ones too
  double mean_f1 = 0;        // likewise
  double weighted_iou = 0;   // mean weighted by the classes' labelled pixels (fwIoU)
  double kappa = 0;          // Cohen, "A coefficient of agreement for nominal scales", 1960
  // Over the classes that occur in labels or predictions, and how many these are.
  double mean_iou_present = 0;
  std::int64_t classes_present = 0;
};

// Counts of labelled pixels by label and prediction. Ids that are no class count in their own row and column:
// such a prediction counts as a pixel of its label's class, such a label only where it was predicted as a
// class.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int classes)
      : classes_(classes),
        cells_(static_cast<std::size_t>(classes + 1) * static_cast<std::size_t>(classes + 1)) {}

  int classes() const { return classes_; }
  // Pixels by pixel; those whose label is `ignore_label` count nowhere. Precondition: equal sizes.
  void add(std::span<const ClassId> prediction, std::span<const ClassId> label, int ignore_label);
  void add(std::span<const std::int32_t> prediction, std::span<const std::int32_t> label,
           int ignore_label = 255);
  // Counts made elsewhere, classes x classes, of labels and predictions that are classes.
  void add(std::span<const std::int64_t> cells);
  void clear() { std::ranges::fill(cells_, 0); }
  // Precondition: as many classes.
  void merge(const ConfusionMatrix& other);
  Metrics metrics() const;

  // Row: label, column: prediction; classes + 1 each, the last one for ids that are no class. For sums over
  // ranks and for counts made elsewhere.
  std::span<std::int64_t> cells() { return cells_; }
  std::span<const std::int64_t> cells() const { return cells_; }

 private:
  template <class T>
  void count(std::span<const T> prediction, std::span<const T> label, int ignore_label);
  std::int64_t cell(int label, int prediction) const {
    return cells_[static_cast<std::size_t>(label) * static_cast<std::size_t>(classes_ + 1) +
                  static_cast<std::size_t>(prediction)];
  }
  int classes_;
  std::vector<std::int64_t> cells_;
};

}  // namespace graphrun::training
