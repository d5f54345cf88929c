#pragma once

#include <string>

#include "runtime/session/bound_method.h"

namespace graphrun::session {

// The first infinity or NaN of a tensor: "nan at (0, 3, 7, 5)"; empty where all are finite, and for integers.
// Looks element by element: for a run that failed.
Result<std::string> describe_nonfinite(const TensorView& view, model::Backend& backend);

// Finds the first output of a run that is not finite.
class NonFiniteFinder final : public StepObserver {
 public:
  explicit NonFiniteFinder(model::Backend& backend) : backend_(backend) {}
  void before(const StepView&) override {}
  void after(const StepView& step) override;

  // "y of head.conv (conv2d): inf at (0, 3, 7, 5) of (8, 64, 60, 60)"; empty where all are finite.
  const std::string& found() const { return found_; }
  // The device's error, where one kept it from looking.
  const Status& status() const { return status_; }

 private:
  model::Backend& backend_;
  std::string found_;
  Status status_;
};

}  // namespace graphrun::session
