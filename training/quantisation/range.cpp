#include "training/quantisation/range.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace graphrun::training {
namespace {

constexpr std::int64_t kBins = 8192;
constexpr std::int64_t kHalf = kBins / 2;
constexpr double kLargest = 255;  // u8

Quantisation of_range(double low, double high) {
  const double scale = (high - low) / kLargest;
  if (!(scale > 0)) return {1, 0};
  return {static_cast<float>(scale),
          static_cast<std::int32_t>(std::clamp(std::round(-low / scale), 0.0, kLargest))};
}

}  // namespace

void RangeHistogram::widen_to(double largest) {
  if (counts_.empty()) {
    counts_.assign(kBins, 0);
    width_ = std::max(largest, 1e-20) / (kHalf - 1);
  }
  while (largest >= width_ * (kHalf - 1)) {
    std::vector<double> wider(kBins, 0);
    for (std::int64_t bin = 0; bin < kBins; ++bin) {
      const std::int64_t from_middle = bin - kHalf;
      const std::int64_t to = (from_middle >= 0 ? from_middle / 2 : -((1 - from_middle) / 2)) + kHalf;
      wider[static_cast<std::size_t>(to)] += counts_[static_cast<std::size_t>(bin)];
    }
    counts_ = std::move(wider);
    width_ *= 2;
  }
}

void RangeHistogram::add(std::span<const float> values) {
  double largest = 0;
  for (const float value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  widen_to(largest);
  const double per_width = 1 / width_;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const auto number = static_cast<double>(value);
    const auto bin = static_cast<std::int64_t>(std::floor(number * per_width)) + kHalf;
    counts_[static_cast<std::size_t>(std::clamp<std::int64_t>(bin, 0, kBins - 1))] += 1;
    min_ = std::min(min_, number);
    max_ = std::max(max_, number);
    total_ += 1;
  }
}

void RangeHistogram::merge(const RangeHistogram& other) {
  if (other.empty()) return;
  RangeHistogram from = other;
  widen_to(std::max(-other.min_, other.max_));
  while (from.width_ < width_) from.widen_to(from.width_ * kHalf);
  while (width_ < from.width_) widen_to(width_ * kHalf);
  // Widths grew from different starts: bins are placed by their middles.
  for (std::int64_t bin = 0; bin < kBins; ++bin) {
    const double middle = (static_cast<double>(bin - kHalf) + 0.5) * from.width_;
    const auto to = static_cast<std::int64_t>(std::floor(middle / width_)) + kHalf;
    counts_[static_cast<std::size_t>(std::clamp<std::int64_t>(to, 0, kBins - 1))] +=
        from.counts_[static_cast<std::size_t>(bin)];
  }
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  total_ += other.total_;
}

double RangeHistogram::loss(const Quantisation& q) const {
  const auto scale = static_cast<double>(q.scale);
  const double low = -q.zero_point * scale;
  const double high = (kLargest - q.zero_point) * scale;
  const double rounding = scale * scale / 12;
  double sum = 0;
  for (std::int64_t bin = 0; bin < kBins; ++bin) {
    const double count = counts_[static_cast<std::size_t>(bin)];
    if (count == 0) continue;
    const double value = (static_cast<double>(bin - kHalf) + 0.5) * width_;
    const double beyond = std::max({low - value, value - high, 0.0});
    // Zeros, of which a rectifier makes many, are exact.
    const bool zero = (bin == kHalf || bin == kHalf - 1) && beyond < width_;
    sum += count * (zero ? 0 : beyond > scale / 2 ? beyond * beyond : rounding);
  }
  return sum;
}

Quantisation RangeHistogram::best() const {
  if (empty()) return {1, 0};
  Quantisation best = of_range(min_, max_);
  double least = loss(best);
  constexpr double kStep = 0.97;
  constexpr double kSmallest = 0.1;
  for (double part = kStep; part > kSmallest; part *= kStep) {
    const Quantisation q = of_range(min_ * part, max_ * part);
    const double loses = loss(q);
    if (loses >= least) continue;
    least = loses;
    best = q;
  }
  return best;
}

}  // namespace graphrun::training
