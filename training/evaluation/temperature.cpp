#include "training/evaluation/temperature.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/cpu/simd.h"
#include "runtime/numeric/exp.h"
#include "runtime/numeric/log.h"

namespace graphrun::training {
namespace {

constexpr double kUnit = 0x1p-20;  // of the sums of derivatives

// 1/T of a point.
double sharpness(int point) {
  constexpr double kHighest = TemperatureFit::kHighest, kLowest = TemperatureFit::kLowest;
  return std::pow(kHighest / kLowest, static_cast<double>(point) / (TemperatureFit::kPoints - 1)) / kHighest;
}

GRAPHRUN_SIMD void logarithms(const std::vector<float>& values, std::vector<float>& out) {
  const std::size_t count = values.size();
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) out[i] = numeric::log_float(values[i]);
}

// The mean of the logarithms over the classes, by their powers: what the derivative is made of.
GRAPHRUN_SIMD float mean_logarithm(const std::vector<float>& logs, float largest, float sharpness) {
  float sum = 0, weighted = 0;
  const std::size_t count = logs.size();
#pragma omp simd reduction(+ : sum, weighted)
  for (std::size_t c = 0; c < count; ++c) {
    const float power = numeric::exp_float(sharpness * (logs[c] - largest));
    sum += power;
    weighted += power * logs[c];
  }
  return weighted / sum;
}

}  // namespace

void TemperatureFit::add(const LabelMap& map, const LabelMap& label) {
  const std::size_t pixels = label.ids.size();
  if (pixels == 0) return;
  const std::size_t classes = map.probabilities.size() / pixels;
  const std::size_t step = 1 + (pixels - 1) / static_cast<std::size_t>(kPixels);
  std::vector<float> values(classes), logs(classes);
  for (std::size_t i = 0; i < pixels; i += step) {
    const std::size_t wanted = label.ids[i];
    if (wanted >= classes) continue;
    for (std::size_t c = 0; c < classes; ++c) values[c] = map.probabilities[c * pixels + i];
    logarithms(values, logs);
    const float largest = *std::ranges::max_element(logs);
    for (int point = 0; point < kPoints; ++point) {
      const float mean = mean_logarithm(logs, largest, static_cast<float>(sharpness(point)));
      derivatives_[static_cast<std::size_t>(point)] +=
          std::llrint(static_cast<double>(mean - logs[wanted]) / kUnit);
    }
  }
}

std::optional<double> TemperatureFit::temperature() const {
  const auto above = std::ranges::find_if(derivatives_, [](std::int64_t value) { return value > 0; });
  if (above == derivatives_.begin() || above == derivatives_.end()) return std::nullopt;
  // The cubic through four points around the change of sign, over the logarithm of 1/T.
  const auto upper = static_cast<int>(above - derivatives_.begin());
  const int first = std::clamp(upper - 2, 0, kPoints - 4);
  const auto value = [&](double at) {
    double sum = 0;
    for (int i = 0; i < 4; ++i) {
      double term =
          static_cast<double>(derivatives_[static_cast<std::size_t>(first) + static_cast<std::size_t>(i)]);
      for (int k = 0; k < 4; ++k) term *= k == i ? 1 : (at - (first + k)) / (i - k);
      sum += term;
    }
    return sum;
  };
  double low = upper - 1, high = upper;
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (value(middle) > 0 ? high : low) = middle;
  }
  return 1 / (std::pow(kHighest / kLowest, low / (kPoints - 1)) / kHighest);
}

}  // namespace graphrun::training
