#include "training/evaluation/metrics.h"

#include <algorithm>
#include <functional>

namespace graphrun::training {

namespace {

constexpr double kEpsilon = 1e-10;

double ratio(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / (static_cast<double>(whole) + kEpsilon);
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
  for (int c = 0; c < classes_; ++c) {
    ClassMetrics m;
    m.intersection = cell(c, c);
    std::int64_t predicted = 0;
    for (int k = 0; k <= classes_; ++k) {
      m.target += cell(c, k);
      predicted += cell(k, c);
    }
    m.union_ = m.target + predicted - m.intersection;
    m.iou = ratio(m.intersection, m.union_);
    m.accuracy = ratio(m.intersection, m.target);
    metrics.mean_iou += m.iou;
    metrics.mean_accuracy += m.accuracy;
    correct += m.intersection;
    labelled += m.target;
    metrics.classes.push_back(m);
  }
  metrics.mean_iou /= std::max(classes_, 1);
  metrics.mean_accuracy /= std::max(classes_, 1);
  metrics.accuracy = ratio(correct, labelled);
  return metrics;
}

}  // namespace graphrun::training
