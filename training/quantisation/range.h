#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graphrun/tensor.h"

namespace graphrun::training {

// How the values of an activation are distributed, over many images.
class RangeHistogram {
 public:
  // Not finite ones are left out.
  void add(std::span<const float> values);
  // Adds another one's values.
  void merge(const RangeHistogram& other);
  bool empty() const { return total_ == 0; }

  // Scale and zero point of the u8 that lose least in the mean of squares: integers round, and values beyond
  // the range that is chosen become its ends. 0 is always an integer, and of values that are never negative
  // the integer 0.
  Quantisation best() const;

 private:
  void widen_to(double largest);
  double loss(const Quantisation& q) const;

  double width_ = 0;  // of a bin; the middle ones meet at 0
  double min_ = 0, max_ = 0;
  double total_ = 0;
  std::vector<double> counts_;
};

}  // namespace graphrun::training
