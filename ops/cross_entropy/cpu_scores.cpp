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
  if (count_wrong(labels.data, count, classes, labels.ignore) == 0) return {};
  std::int64_t at = 0;
  while (static_cast<std::uint32_t>(labels.data[at]) < classes || labels.data[at] == labels.ignore) ++at;
  const std::int64_t row = at / labels.w;
  return {ErrorCode::invalid_argument,
          "label " + std::to_string(labels.data[at]) + " of image " + std::to_string(row / labels.h) +
              " at pixel (y " + std::to_string(row % labels.h) + ", x " + std::to_string(at % labels.w) +
              "): expected a class, 0 to " + std::to_string(labels.classes - 1) + ", or the ignored label " +
              std::to_string(labels.ignore)};
}

void total_up(const Labels& labels, const Scores& scores, double* totals, std::int64_t* confusion) {
  const std::int64_t classes = labels.classes;
  if (confusion != nullptr) std::memset(confusion, 0, static_cast<std::size_t>(classes * classes) * 8);
  double loss = 0;
  std::int64_t valid = 0;
  for (std::int64_t row = 0; row < labels.rows(); ++row) loss += scores.losses[row];
  for (std::int64_t i = 0; i < labels.rows() * labels.w; ++i) {
    if (labels.data[i] == labels.ignore) continue;
    ++valid;
    if (confusion != nullptr) ++confusion[labels.data[i] * classes + scores.predictions[i]];
  }
  totals[0] = loss;
  totals[1] = static_cast<double>(valid);
}

}  // namespace graphrun::ops::cross_entropy
