#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "datasets/dataset.h"
#include "datasets/descriptor.h"
#include "runtime/core/status.h"
#include "runtime/model/program.h"
#include "runtime/weights/weights.h"
#include "tools/support/settings.h"
#include "tools/train/checkpoint.h"

namespace graphrun {

// One iteration as metrics.jsonl records it.
struct IterationRecord {
  std::int64_t iter = 0;   // from 1
  std::int64_t epoch = 0;  // from 1
  double loss = 0;
  double main_loss = 0;
  double aux_loss = 0;
  double lr = 0;  // of this step
  double data_s = 0;
  double step_s = 0;
};

struct EpochRecord {
  std::int64_t epoch = 0;
  double loss = 0;  // mean over its iterations
  double mean_iou = 0;
  double accuracy = 0;
  // Of centre crops of the val split; empty without `evaluate`.
  std::optional<double> val_mean_iou;
};

// Who watches a run: the terminal.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  virtual void iteration(const IterationRecord& record, std::int64_t iterations) = 0;
  virtual void epoch(const EpochRecord& record, std::int64_t epochs) = 0;
  virtual void saved(const std::filesystem::path& checkpoint) = 0;
};

struct TrainJob {
  std::shared_ptr<const Program> program;  // bound
  std::shared_ptr<Weights> weights;        // writable
  std::shared_ptr<const Dataset> data;
  std::shared_ptr<const Dataset> validation;  // null without `evaluate`
  SettingTable settings;
  TrainPosition start;                    // seed, and the iterations that are done
  std::optional<std::int64_t> max_iters;  // stop after so many in all; the schedule stays
  std::filesystem::path folder;           // exists, with checkpoints/ in it
};

// poly learning rate of iteration `iter` (from 1) of `max_iter`: base_lr before the first step.
double poly_learning_rate(double base_lr, double power, std::int64_t iter, std::int64_t max_iter);

// Trains from job.start to the end of the schedule, max_iters, or a signal (support/interrupt.h): then the
// state is saved and the position returned. Errors: data, a loss that is not finite (names the iteration),
// disk.
Result<TrainPosition> train(const TrainJob& job, TrainObserver& observer);

}  // namespace graphrun
