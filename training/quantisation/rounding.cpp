#include "training/quantisation/rounding.h"

#include <algorithm>
#include <cmath>

namespace graphrun::training {
namespace {

constexpr float kLargest = 127;

float rounded(float value, float per_scale) {
  return std::clamp(std::nearbyint(value * per_scale), -kLargest, kLargest);
}

float loss(std::span<const float> row, float scale) {
  const float per_scale = 1 / scale;
  float sum = 0;
  for (const float value : row) {
    const float error = rounded(value, per_scale) * scale - value;
    sum += error * error;
  }
  return sum;
}

float best_scale(std::span<const float> row) {
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  if (largest == 0) return 1;
  float best = largest / kLargest;
  float least = loss(row, best);
  constexpr int kTries = 12;
  constexpr float kStep = 0.03F;
  for (int i = 1; i <= kTries; ++i) {
    const float scale = largest / kLargest * (1 - kStep * static_cast<float>(i));
    const float loses = loss(row, scale);
    if (loses >= least) continue;
    least = loses;
    best = scale;
  }
  return best;
}

}  // namespace

weights::EightBitTensor round_weight(std::span<const float> values, std::int64_t channels) {
  weights::EightBitTensor result;
  result.values.resize(values.size());
  result.scales.resize(static_cast<std::size_t>(channels));
  const std::size_t row = values.size() / static_cast<std::size_t>(channels);
  for (std::size_t o = 0; o < result.scales.size(); ++o) {
    const std::span<const float> of_channel = values.subspan(o * row, row);
    const float scale = best_scale(of_channel);
    result.scales[o] = scale;
    for (std::size_t i = 0; i < row; ++i)
      result.values[o * row + i] = static_cast<std::int8_t>(rounded(of_channel[i], 1 / scale));
  }
  return result;
}

std::vector<double> rounding_shift(std::span<const float> values, const weights::EightBitTensor& rounded,
                                   std::span<const double> means, std::int64_t taps) {
  const std::size_t outputs = rounded.scales.size();
  const std::size_t row = values.size() / outputs;
  const std::size_t of_group = row / static_cast<std::size_t>(taps);
  const std::size_t groups = means.size() / of_group;
  std::vector<double> shift(outputs, 0);
  for (std::size_t o = 0; o < outputs; ++o) {
    const std::size_t first = o / (outputs / groups) * of_group;
    for (std::size_t i = 0; i < row; ++i) {
      const auto integer = static_cast<double>(rounded.values[o * row + i]);
      const double error =
          integer * static_cast<double>(rounded.scales[o]) - static_cast<double>(values[o * row + i]);
      shift[o] += error * means[first + i / static_cast<std::size_t>(taps)];
    }
  }
  return shift;
}

}  // namespace graphrun::training
