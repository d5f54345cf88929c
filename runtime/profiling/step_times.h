#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/core/timeline.h"
#include "runtime/profiling/trace.h"
#include "runtime/session/bound_method.h"

namespace graphrun::profiling {

// What a step has to do at the least: bytes that it reads and writes once, operations of products (2 for a
// multiplication with its addition).
struct StepWork {
  double bytes = 0;
  double operations = 0;
};
StepWork work_of(const session::StepView& step);

// Seconds by kernel and by node of some runs, as the device took them. Steps are timed where they are started
// one by one, so a run that is observed is not replayed from a recording.
class StepTimes final : public session::StepObserver {
 public:
  explicit StepTimes(std::unique_ptr<core::Timeline> timeline) : timeline_(std::move(timeline)) {}

  void begin(bool forget);  // before a run; `forget` what was summed so far
  Status end();             // after it, when the device is done
  void before(const session::StepView& step) override;
  void after(const session::StepView& step) override;
  void begin_other(std::string_view what, std::string_view kind) override;
  void end_other() override { mark(); }

  std::string text(int runs) const;
  // [{"path": ..., "kernel": ..., "s": mean of the runs, "bytes": ..., "operations": ...}, ...]
  std::string json(int runs) const;
  // The last run, whose first step began `start` seconds after the trace's.
  void add_to(Trace& trace, double start = 0) const;

 private:
  struct Step {
    std::string path;
    std::string kernel;
    StepWork work;
  };
  struct Node {
    std::string kernel;
    StepWork work;  // of one run
    double seconds = 0;
  };
  void mark() {
    if (marked_.ok()) marked_ = timeline_->mark();
  }

  std::unique_ptr<core::Timeline> timeline_;
  Status marked_;
  std::vector<Step> steps_;    // of the last run; two marks each
  std::vector<double> marks_;  // seconds since its start
  std::map<std::string, Node> nodes_;
};

}  // namespace graphrun::profiling
