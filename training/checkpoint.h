#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/weights/weights.h"
#include "training/averages.h"
#include "training/best_metric.h"
#include "training/records.h"

namespace graphrun::training {

// What the iterations of an unfinished epoch add up to, so that a resumed epoch reports the figures of one
// that was never stopped.
struct EpochSums {
  std::int64_t iterations = 0;
  double loss = 0;                      // main losses
  std::vector<std::int64_t> confusion;  // ConfusionMatrix::cells(); empty without iterations
};

// The best validation so far; epoch 0: there was none.
struct BestEpoch {
  std::int64_t epoch = 0;
  double mean_iou = 0;
  std::string metric = "mIoU";  // in which it is the best (the setting best_metric)
  double value = 0;             // of the metric

  // Becomes the validation of the epoch if that is better by the metric.
  bool take(std::int64_t validated_epoch, const ValidationRecord& validation, const BestMetric& by);
};

// Where a run stands.
struct TrainState {
  std::int64_t iteration = 0;  // done since its start
  std::int64_t epoch = 0;      // whole ones, with their validation
  std::uint64_t seed = 0;
  BestEpoch best;
  EpochSums sums;
};

// Parameters, buffers and optimiser state as safetensors with the state in its metadata: all that resuming
// needs, since data order and random draws follow from seed and iteration. Whole or not at all.
Status write_checkpoint(const std::filesystem::path& path, std::span<const weights::NamedTensor> tensors,
                        const TrainState& state);

// Loads weights, optimiser state and averages (null: not wanted); the error says what a checkpoint lacks to
// be resumed from.
Result<TrainState> read_checkpoint(const std::filesystem::path& path, weights::Weights& weights,
                                   Averages* averages = nullptr);

// The checkpoint of a run's folder that has gone furthest; empty where there is none.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& run_folder);

// The iterations that it has done; 0 where there is none.
std::int64_t iterations_done(const std::filesystem::path& run_folder);

// checkpoints/epoch_N.safetensors, checkpoints/best.safetensors, checkpoints/interrupted.safetensors
std::filesystem::path epoch_checkpoint(const std::filesystem::path& run_folder, std::int64_t epoch);
std::filesystem::path best_checkpoint(const std::filesystem::path& run_folder);
std::filesystem::path interrupted_checkpoint(const std::filesystem::path& run_folder);

// Removes epoch checkpoints but for the `keep` newest.
void prune_checkpoints(const std::filesystem::path& run_folder, std::int64_t keep);

}  // namespace graphrun::training
