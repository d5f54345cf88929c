#include "training/evaluation/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "runtime/core/random.h"

namespace graphrun::training {
namespace {

constexpr std::uint64_t kSeed = 0;

// How often each image is drawn.
void draw(int resample, std::vector<std::int64_t>& times) {
  std::ranges::fill(times, 0);
  core::Random random(kSeed, core::RandomPurpose::bootstrap, static_cast<std::uint32_t>(resample));
  for (std::size_t i = 0; i < times.size(); ++i)
    ++times[random.next_below(static_cast<std::uint32_t>(times.size()))];
}

// Sums over images by class.
struct Sums {
  std::vector<std::int64_t> intersections;
  std::vector<std::int64_t> unions;

  Sums(const ImageCounts& counts, const std::vector<std::int64_t>& times)
      : intersections(static_cast<std::size_t>(counts.classes())), unions(intersections.size()) {
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (times[i] == 0) continue;
      const auto row = counts.row(static_cast<std::int64_t>(i));
      for (std::size_t c = 0; c < unions.size(); ++c) {
        intersections[c] += times[i] * row.intersections[c];
        unions[c] += times[i] * row.unions[c];
      }
    }
  }
  double iou(std::size_t c) const { return iou_of(intersections[c], unions[c]); }
  double mean_iou() const {
    double sum = 0;
    for (std::size_t c = 0; c < unions.size(); ++c) sum += iou(c);
    return unions.empty() ? 0 : sum / static_cast<double>(unions.size());
  }
};

// Between neighbours in the order of the values, linearly.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - std::floor(at)) * (sorted[above] - sorted[below]);
}

Interval interval_of(std::vector<double> values) {
  std::ranges::sort(values);
  return {quantile(values, (1 - kLevel) / 2), quantile(values, (1 + kLevel) / 2)};
}

std::vector<std::int64_t> each_once(const ImageCounts& counts) {
  return std::vector<std::int64_t>(static_cast<std::size_t>(counts.images()), 1);
}

}  // namespace

ScoreIntervals score_intervals(const ImageCounts& counts) {
  std::vector<double> means, present;
  std::vector<std::int64_t> times = each_once(counts);
  for (int i = 0; i < kResamples; ++i) {
    draw(i, times);
    const Sums sums(counts, times);
    means.push_back(sums.mean_iou());
    present.push_back(mean_iou_present(sums.intersections, sums.unions));
  }
  return {interval_of(std::move(means)), interval_of(std::move(present))};
}

PairedDifferences paired_differences(const ImageCounts& counts, const ImageCounts& other) {
  std::vector<std::int64_t> times = each_once(counts);
  const Sums whole(counts, times), whole_other(other, times);
  const auto classes = static_cast<std::size_t>(counts.classes());
  std::vector<double> means;
  std::vector<std::vector<double>> by_class(classes);
  for (int i = 0; i < kResamples; ++i) {
    draw(i, times);
    const Sums sums(counts, times), others(other, times);
    means.push_back(sums.mean_iou() - others.mean_iou());
    for (std::size_t c = 0; c < classes; ++c) by_class[c].push_back(sums.iou(c) - others.iou(c));
  }
  PairedDifferences differences;
  differences.mean_iou = {whole.mean_iou() - whole_other.mean_iou(), interval_of(std::move(means))};
  for (std::size_t c = 0; c < classes; ++c)
    differences.classes.push_back({whole.iou(c) - whole_other.iou(c), interval_of(std::move(by_class[c]))});
  return differences;
}

}  // namespace graphrun::training
