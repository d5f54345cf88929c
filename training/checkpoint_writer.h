#pragma once

#include <filesystem>
#include <future>
#include <optional>
#include <vector>

#include "graphrun/status.h"
#include "runtime/collective/communicator.h"
#include "runtime/model/program.h"
#include "runtime/weights/tensor_file.h"
#include "runtime/weights/weights.h"
#include "training/checkpoint.h"

namespace graphrun::training {

// A copy of all that a checkpoint holds, on the host.
struct CheckpointContent {
  std::vector<std::byte> storage;
  std::vector<weights::NamedTensor> tensors;  // views of storage
};

// The content on the first rank; empty on others. Every rank calls it: state that a rank holds alone comes
// from there. Where there are averages they have the parameters' names (kTrainedPrefix). Memory: as much as
// the content on the first rank, the largest variable on others.
Result<CheckpointContent> gather_checkpoint(const model::Program& program, const weights::Weights& weights,
                                            collective::Communicator& comm, const std::vector<int>& owners,
                                            const Averages* averages = nullptr);

// Writes checkpoints on a thread of its own, one at a time, while training goes on.
class CheckpointWriter {
 public:
  // Takes over; waits for the one before it. Errors: the one before it.
  Status start(const std::filesystem::path& path, CheckpointContent content, const TrainState& state);
  // The path of a checkpoint that has been written since the last call; empty if there is none. Errors: it
  // could not be written. `wait`: until nothing is being written.
  Result<std::optional<std::filesystem::path>> written(bool wait);

 private:
  std::filesystem::path path_;
  std::future<Status> result_;  // valid while something is being written; its end waits for it
};

}  // namespace graphrun::training
