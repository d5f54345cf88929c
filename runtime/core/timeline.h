#pragma once

#include <chrono>
#include <vector>

#include "graphrun/status.h"

namespace graphrun::core {

// Points in the work of a device, in the order in which it comes to them: what lies between two of them took
// the time between them.
class Timeline {
 public:
  virtual ~Timeline() = default;
  // The point at which all that was started so far has ended.
  virtual Status mark() = 0;
  // Seconds of each mark since the first one. Waits for the device.
  virtual Result<std::vector<double>> seconds() = 0;
  virtual void clear() = 0;
};

// The host's timeline: work there has ended when the call that started it returns.
class HostTimeline final : public Timeline {
 public:
  Status mark() override {
    marks_.push_back(Clock::now());
    return {};
  }
  Result<std::vector<double>> seconds() override {
    std::vector<double> seconds;
    for (const auto& mark : marks_)
      seconds.push_back(std::chrono::duration<double>(mark - marks_.front()).count());
    return seconds;
  }
  void clear() override { marks_.clear(); }

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<Clock::time_point> marks_;
};

}  // namespace graphrun::core
