#pragma once

#include <vector>

#include "runtime/core/timeline.h"
#include "runtime/cuda/device.h"

namespace graphrun::cuda {

// Timeline of a device's stream, by events. Events that were made once are used again after clear().
class EventTimeline final : public core::Timeline {
 public:
  explicit EventTimeline(Device& device) : device_(device) {}
  Status mark() override;
  Result<std::vector<double>> seconds() override;
  void clear() override { count_ = 0; }

 private:
  Device& device_;
  std::vector<Event> events_;
  std::size_t count_ = 0;
};

}  // namespace graphrun::cuda
