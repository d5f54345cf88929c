#pragma once

#include <span>
#include <string>
#include <string_view>

#include "graphrun/status.h"
#include "training/records.h"

namespace graphrun::training {

// The number that validations are compared by (the setting best_metric): "loss", a number of metrics.json
// ("mIoU", "mAcc", "aAcc"), or that of one class, "iou:CLASS" or "acc:CLASS", by the class's name or id.
class BestMetric {
 public:
  // `classes` are the names of the model's classes by id. Errors: invalid_argument with the names that there
  // are.
  static Result<BestMetric> make(std::string_view name, std::span<const std::string> classes);

  const std::string& name() const { return name_; }
  double value(const ValidationRecord& validation) const;
  // A value that is not a number is worse than any that is.
  bool is_better(double value, double than) const;

 private:
  enum class Kind { loss, mean_iou, mean_accuracy, accuracy, class_iou, class_accuracy };
  BestMetric(std::string_view name, Kind kind, std::size_t class_id)
      : name_(name), kind_(kind), class_id_(class_id) {}

  std::string name_;
  Kind kind_;
  std::size_t class_id_;  // of a class's number
};

}  // namespace graphrun::training
