#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "graphrun/status.h"
#include "training/checkpoint.h"
#include "training/records.h"
#include "training/run/json_lines.h"
#include "training/tensorboard/event_file.h"

namespace graphrun::training {

// What a run writes of its course into its folder: metrics.jsonl (a line an iteration), epochs.jsonl (a line
// an epoch) and an event file for TensorBoard, with the reference's tags. A resumed run goes on in them: what
// it will do again is cut off first.
class RunLog {
 public:
  static Result<std::unique_ptr<RunLog>> open(const std::filesystem::path& folder, const TrainState& start);
  Status iteration(const IterationRecord& record);
  Status epoch(const EpochRecord& record, std::span<const Picture> pictures);

 private:
  RunLog() = default;
  std::unique_ptr<JsonLines> iterations_;
  std::unique_ptr<JsonLines> epochs_;
  std::unique_ptr<EventFile> events_;
};

}  // namespace graphrun::training
