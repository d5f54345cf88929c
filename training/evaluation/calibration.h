#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "graphrun/image.h"

namespace graphrun::training {

// How often pixels of a confidence are right. A bin has the pixels whose confidence lies in (m / kBins,
// (m + 1) / kBins]. Sums are of integers, so that they do not depend on their order.
class Calibration {
 public:
  static constexpr int kBins = 15;
  static constexpr double kUnit = 0x1p-28;  // of sums of confidences

  // Labelled pixels; returns the sum of their confidences, in units. Precondition: the map has confidence,
  // equal sizes.
  std::int64_t add(const LabelMap& map, const LabelMap& label, int classes);

  struct Bin {
    std::int64_t pixels = 0;
    double confidence = 0;  // means; 0 without pixels
    double accuracy = 0;
  };
  std::array<Bin, kBins> bins() const;
  std::int64_t pixels() const;
  // Sum over bins of |accuracy - confidence|, weighted by their share of the pixels (Guo, Pleiss, Sun,
  // Weinberger: "On calibration of modern neural networks", ICML 2017).
  double expected_error() const;

  std::span<std::int64_t> cells() { return cells_; }

 private:
  // For each bin in turn: pixels, those that are right, and the sum of confidences.
  std::array<std::int64_t, std::size_t{3} * kBins> cells_{};
};

}  // namespace graphrun::training
