#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "graphrun/image.h"

namespace graphrun::training {

// Finds the temperature T for which p^(1/T), divided by its sum over the classes, has the smallest negative
// log likelihood of the labels (Guo, Pleiss, Sun, Weinberger: "On calibration of modern neural networks",
// ICML 2017, with the mean of a pixel's probabilities in the place of softmax(logits)). The likelihood is
// convex in 1/T: its derivative is summed up at a fixed row of temperatures, and T is where it is 0 between
// two of them. Of an image up to kPixels pixels count, evenly spread. Sums are of integers, so that they do
// not depend on their order.
class TemperatureFit {
 public:
  static constexpr int kPoints = 61;
  static constexpr double kLowest = 0.05, kHighest = 20;  // temperatures
  static constexpr std::int64_t kPixels = 16384;

  // Precondition: the map has probabilities; equal sizes.
  void add(const LabelMap& map, const LabelMap& label);

  // Empty where the best one lies outside the row: without labelled pixels, or where nothing is wrong.
  std::optional<double> temperature() const;

  std::span<std::int64_t> cells() { return derivatives_; }

 private:
  std::array<std::int64_t, kPoints> derivatives_{};  // with respect to 1/T, by descending T
};

}  // namespace graphrun::training
