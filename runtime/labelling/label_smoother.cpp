#include "graphrun/label_smoother.h"

#include <cstddef>
#include <utility>

#include "runtime/core/guard.h"

namespace graphrun {

Result<LabelMap> LabelSmoother::next(LabelMap map) try {
  if (!(keep_ >= 0 && keep_ < 1))
    return {ErrorCode::invalid_argument, "smoothing: a number from 0 to below 1 is expected"};
  const std::size_t pixels = map.ids.size();
  if (pixels == 0 || map.probabilities.empty() || map.probabilities.size() % pixels != 0)
    return {ErrorCode::invalid_argument, "smoothing needs the probabilities of a label map"};
  const bool goes_on = mean_.size() == map.probabilities.size() && width_ == map.width;
  if (goes_on) {
    const auto keep = static_cast<float>(keep_);
    for (std::size_t i = 0; i < mean_.size(); ++i)
      map.probabilities[i] = keep * mean_[i] + (1 - keep) * map.probabilities[i];
    for (std::size_t i = 0; i < pixels; ++i) {
      std::size_t best = 0;
      for (std::size_t c = 1; c * pixels < map.probabilities.size(); ++c) {
        if (map.probabilities[c * pixels + i] > map.probabilities[best * pixels + i]) best = c;
      }
      map.ids[i] = static_cast<ClassId>(best);
      if (!map.confidence.empty()) map.confidence[i] = map.probabilities[best * pixels + i];
    }
  }
  mean_ = map.probabilities;
  width_ = map.width;
  return map;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
