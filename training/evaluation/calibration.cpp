#include "training/evaluation/calibration.h"

#include <algorithm>
#include <cmath>

namespace graphrun::training {

std::int64_t Calibration::add(const LabelMap& map, const LabelMap& label, int classes) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < label.ids.size(); ++i) {
    if (label.ids[i] >= classes) continue;
    const auto confidence = static_cast<double>(map.confidence[i]);
    const auto units = static_cast<std::int64_t>(std::llrint(confidence / kUnit));
    const int bin = std::clamp(static_cast<int>(std::ceil(confidence * kBins)) - 1, 0, kBins - 1);
    std::int64_t* const cells = cells_.data() + 3 * bin;
    ++cells[0];
    cells[1] += map.ids[i] == label.ids[i] ? 1 : 0;
    cells[2] += units;
    sum += units;
  }
  return sum;
}

std::array<Calibration::Bin, Calibration::kBins> Calibration::bins() const {
  std::array<Bin, kBins> bins;
  for (std::size_t m = 0; m < bins.size(); ++m) {
    const std::int64_t* const cells = cells_.data() + 3 * m;
    if (cells[0] == 0) continue;
    const auto pixels = static_cast<double>(cells[0]);
    bins[m] = {cells[0], static_cast<double>(cells[2]) * kUnit / pixels,
               static_cast<double>(cells[1]) / pixels};
  }
  return bins;
}

std::int64_t Calibration::pixels() const {
  std::int64_t sum = 0;
  for (const Bin& bin : bins()) sum += bin.pixels;
  return sum;
}

double Calibration::expected_error() const {
  const std::int64_t all = pixels();
  if (all == 0) return 0;
  double sum = 0;
  for (const Bin& bin : bins())
    sum += static_cast<double>(bin.pixels) * std::abs(bin.accuracy - bin.confidence);
  return sum / static_cast<double>(all);
}

}  // namespace graphrun::training
