#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/numeric/interpolation.h"

// Linear interpolation along one axis as data: which samples an output index reads, and their weights.
namespace graphrun::imaging {

// The two samples that each output of a resize reads. Coordinates are those of OpenCV's INTER_LINEAR:
// (i + 0.5) * from / to - 0.5 as a float, clamped to the border.
struct ResizeTable {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> second;
  std::vector<float> first_weight;
  std::vector<float> second_weight;

  // Each sample is a sum over so many: reads become means.
  void divide_by(std::span<const std::int32_t> counts);
};
ResizeTable linear_taps(std::int64_t from, std::int64_t to);

// Any number of samples for each output: those of output i stand at [begin[i], begin[i + 1]).
struct WeightedResizeTable {
  std::vector<std::int32_t> begin{0};
  std::vector<std::int32_t> index;
  std::vector<float> weight;

  std::int64_t size() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  void add(std::int32_t sample, float by);  // to the output in hand; the same sample twice is one tap
  void end_output() { begin.push_back(static_cast<std::int32_t>(index.size())); }
};
// The op `resize`, as PyTorch computes it.
WeightedResizeTable interpolation_taps(numeric::Interpolation rule, std::int64_t from, std::int64_t to);
// `outer` reads the outputs of `inner`: both in one step. What lies beyond `inner` must not be read.
WeightedResizeTable through(const WeightedResizeTable& inner, const ResizeTable& outer);
// The outputs from right to left.
WeightedResizeTable reversed(const WeightedResizeTable& taps);

}  // namespace graphrun::imaging
