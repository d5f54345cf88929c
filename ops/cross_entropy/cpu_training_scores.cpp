#include "ops/cross_entropy/cpu_scores.h"

#include <cstring>
#include <string>

#include "runtime/cpu/simd.h"

namespace graphrun::ops::cross_entropy {
namespace {

GRAPHRUN_SIMD std::int64_t count_wrong(const std::int32_t* label, std::int64_t count, std::uint32_t classes,
                                       std::int32_t ignore) {
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < count; ++i)
    wrong += (static_cast<std::uint32_t>(label[i]) >= classes ? 1 : 0) & (label[i] != ignore ? 1 : 0);
  return wrong;
}

}  // namespace

Status check_labels(const Labels& labels) {
  const std::int64_t count = labels.rows() * labels.w;
  const auto classes = static_cast<std::uint32_t>(labels.classes);
  for (const std::int32_t* data : {labels.data, labels.counted}) {
    if (count_wrong(data, count, classes, labels.ignore) == 0) continue;
    std::int64_t at = 0;
    while (static_cast<std::uint32_t>(data[at]) < classes || data[at] == labels.ignore) ++at;
    const std::int64_t row = at / labels.w;
    return {ErrorCode::invalid_argument,
            "label " + std::to_string(data[at]) + " of image " + std::to_string(row / labels.h) +
                " at pixel (y " + std::to_string(row % labels.h) + ", x " + std::to_string(at % labels.w) +
                "): expected a class, 0 to " + std::to_string(labels.classes - 1) +
                ", or the ignored label " + std::to_string(labels.ignore)};
  }
  return {};
}

void count_predictions(const Labels& labels, const std::int32_t* predictions, std::int64_t* confusion) {
  if (confusion == nullptr) return;
  const std::int64_t classes = labels.classes;
  std::memset(confusion, 0, static_cast<std::size_t>(classes * classes) * 8);
  for (std::int64_t i = 0; i < labels.rows() * labels.w; ++i) {
    if (labels.data[i] != labels.ignore) ++confusion[labels.data[i] * classes + predictions[i]];
  }
}

void total_up(const Labels& labels, const Scores& scores, double* totals, std::int64_t* confusion) {
  totals[0] = 0;
  totals[1] = 0;
  for (std::int64_t row = 0; row < labels.rows(); ++row) {
    totals[0] += scores.rows[row].loss;
    totals[1] += scores.rows[row].weight;
  }
  count_predictions(labels, scores.predictions, confusion);
}

}  // namespace graphrun::ops::cross_entropy
