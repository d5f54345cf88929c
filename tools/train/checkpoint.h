#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "runtime/core/status.h"
#include "runtime/weights/weights.h"

namespace graphrun {

// Where a run stands: how many iterations are done since its start.
struct TrainPosition {
  std::int64_t iteration = 0;
  std::int64_t epoch = 0;  // whole ones
  std::uint64_t seed = 0;
};

// Parameters, buffers and optimiser state as safetensors with the position in its metadata: all that resuming
// needs, since data order and random draws follow from seed and iteration. Whole or not at all.
Status write_checkpoint(const std::filesystem::path& path, const Weights& weights,
                        const TrainPosition& position);

// Loads weights and optimiser state; the error says what a checkpoint lacks to be resumed from.
Result<TrainPosition> read_checkpoint(const std::filesystem::path& path, Weights& weights);

// The checkpoint of a run's folder that has gone furthest; empty where there is none.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run_folder);

// checkpoints/epoch_N.safetensors, checkpoints/interrupted.safetensors
std::filesystem::path epoch_checkpoint(const std::filesystem::path& run_folder, std::int64_t epoch);
std::filesystem::path interrupted_checkpoint(const std::filesystem::path& run_folder);

// Removes epoch checkpoints but for the `keep` newest.
void prune_checkpoints(const std::filesystem::path& run_folder, std::int64_t keep);

}  // namespace graphrun
