#include "training/evaluation/metrics.h"

#include <algorithm>
#include <functional>

namespace graphrun::training {
namespace {

constexpr double kEpsilon = 1e-10;

double ratio(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / (static_cast<double>(whole) + kEpsilon);
}

// Exactly: a figure that is compared with other programs' to 1e-9.
double exact_ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void fill_ratios(ClassMetrics& m) {
  m.iou = ratio(m.intersection, m.union_);
  m.accuracy = ratio(m.intersection, m.target);
  m.precision = exact_ratio(m.intersection, m.predicted);
  m.recall = exact_ratio(m.intersection, m.target);
  m.dice = exact_ratio(2 * m.intersection, m.target + m.predicted);
  const double sum = m.precision + m.recall;
  m.f1 = sum == 0 ? 0 : 2 * m.precision * m.recall / sum;
}

}  // namespace

template <class T>
void ConfusionMatrix::count(std::span<const T> prediction, std::span<const T> label, int ignore_label) {
  const auto row_of = [this](T id) {
    return static_cast<std::size_t>(id >= 0 && static_cast<std::int64_t>(id) < classes_ ? id : classes_);
  };
  const auto stride = static_cast<std::size_t>(classes_ + 1);
  for (std::size_t i = 0; i < label.size(); ++i) {
    if (static_cast<std::int64_t>(label[i]) == ignore_label) continue;
    ++cells_[row_of(label[i]) * stride + row_of(prediction[i])];
  }
}

void ConfusionMatrix::add(std::span<const ClassId> prediction, std::span<const ClassId> label,
                          int ignore_label) {
  count(prediction, label, ignore_label);
}

void ConfusionMatrix::add(std::span<const std::int32_t> prediction, std::span<const std::int32_t> label,
                          int ignore_label) {
  count(prediction, label, ignore_label);
}

void ConfusionMatrix::add(std::span<const std::int64_t> cells) {
  const auto classes = static_cast<std::size_t>(classes_);
  for (std::size_t row = 0; row < classes; ++row) {
    for (std::size_t column = 0; column < classes; ++column)
      cells_[row * (classes + 1) + column] += cells[row * classes + column];
  }
}

void ConfusionMatrix::merge(const ConfusionMatrix& other) {
  std::transform(cells_.begin(), cells_.end(), other.cells_.begin(), cells_.begin(), std::plus<>());
}

Metrics ConfusionMatrix::metrics() const {
  Metrics metrics;
  std::int64_t correct = 0;
  std::int64_t labelled = 0;
  double weighted = 0;
  double by_chance =
      0;  // pixels that would agree if labels and predictions had nothing to do with each other
  for (int c = 0; c < classes_; ++c) {
    ClassMetrics m;
    m.intersection = cell(c, c);
    for (int k = 0; k <= classes_; ++k) {
      m.target += cell(c, k);
      m.predicted += cell(k, c);
    }
    m.union_ = m.target + m.predicted - m.intersection;
    fill_ratios(m);
    metrics.mean_iou += m.iou;
    metrics.mean_accuracy += m.accuracy;
    metrics.mean_dice += m.dice;
    metrics.mean_f1 += m.f1;
    metrics.classes_present += m.union_ > 0 ? 1 : 0;
    metrics.mean_iou_present += m.iou;
    weighted += static_cast<double>(m.target) * m.iou;
    by_chance += static_cast<double>(m.target) * static_cast<double>(m.predicted);
    correct += m.intersection;
    labelled += m.target;
    metrics.classes.push_back(m);
  }
  const int classes = std::max(classes_, 1);
  metrics.mean_iou /= classes;
  metrics.mean_accuracy /= classes;
  metrics.mean_dice /= classes;
  metrics.mean_f1 /= classes;
  metrics.mean_iou_present /= static_cast<double>(std::max<std::int64_t>(metrics.classes_present, 1));
  metrics.accuracy = ratio(correct, labelled);
  if (labelled == 0) return metrics;
  const auto all = static_cast<double>(labelled);
  metrics.weighted_iou = weighted / all;
  const double expected = by_chance / (all * all);
  // One class alone, which is all that is predicted: nothing can be told.
  if (expected < 1) metrics.kappa = (static_cast<double>(correct) / all - expected) / (1 - expected);
  return metrics;
}

}  // namespace graphrun::training
