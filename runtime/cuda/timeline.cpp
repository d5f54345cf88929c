#include "runtime/cuda/timeline.h"

#include "runtime/cuda/check.h"

namespace graphrun::cuda {

Status EventTimeline::mark() {
  const auto lock = device_.lock();
  if (count_ == events_.size()) {
    cudaEvent_t event = nullptr;
    GRAPHRUN_TRY(check(cudaEventCreate(&event), "cudaEventCreate"));
    events_.emplace_back(event);
  }
  return check(cudaEventRecord(events_[count_++].get(), device_.stream()), "cudaEventRecord");
}

Result<std::vector<double>> EventTimeline::seconds() {
  const auto lock = device_.lock();
  GRAPHRUN_TRY(device_.synchronize());
  std::vector<double> seconds;
  for (std::size_t i = 0; i < count_; ++i) {
    float milliseconds = 0;
    GRAPHRUN_TRY(check(cudaEventElapsedTime(&milliseconds, events_[0].get(), events_[i].get()),
                       "cudaEventElapsedTime"));
    seconds.push_back(static_cast<double>(milliseconds) / 1e3);
  }
  return seconds;
}

}  // namespace graphrun::cuda
