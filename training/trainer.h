#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "datasets/dataset.h"
#include "graphrun/status.h"
#include "graphrun/stop.h"
#include "runtime/collective/communicator.h"
#include "runtime/model/program.h"
#include "runtime/session/rematerialisation.h"
#include "runtime/weights/weights.h"
#include "training/averages.h"
#include "training/checkpoint.h"
#include "training/records.h"
#include "training/run/settings.h"

namespace graphrun::training {

// Who watches a run: the terminal of the first rank.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  // Before the first iteration: TrainSession::planned_bytes() of this rank.
  virtual void planned(std::int64_t bytes, const session::Rematerialisations& rematerialisations) = 0;
  virtual void iteration(const IterationRecord& record, std::int64_t iterations) = 0;
  // `done` images of a validation's `total`; `seconds` for the last ones.
  virtual void validating(std::int64_t done, std::int64_t total, double seconds) = 0;
  virtual void epoch(const EpochRecord& record, std::int64_t epochs) = 0;
  virtual void saved(const std::filesystem::path& checkpoint) = 0;
  virtual void warning(const std::string& text) = 0;
};

struct TrainJob {
  std::shared_ptr<const model::Program> program;  // bound
  std::shared_ptr<weights::Weights> weights;      // writable
  std::shared_ptr<Averages> averages;             // of the weights; null without `ema`
  std::shared_ptr<const datasets::Dataset> data;
  std::shared_ptr<const datasets::Dataset> validation;  // null without `evaluate`
  std::string data_name;                                // of the data set
  std::vector<imaging::Color> palette;                  // of the classes, for pictures
  std::vector<std::string> class_names;                 // for best_metric
  SettingTable settings;
  DType precision = DType::f32;           // of activations, in validation too
  std::int64_t memory_budget = 0;         // of a rank; TrainSession::Options
  TrainState start;                       // seed, and what is done
  std::optional<std::int64_t> max_iters;  // stop after so many in all; the schedule stays
  std::filesystem::path folder;           // may not be there yet
  // The first rank calls these once its first step is done, before it writes anything else: whatever is wrong
  // with data, model or memory has been seen by then. The one makes `folder` and returns it, under another
  // name where one that was drawn has been taken meanwhile; the other writes what is in it from the start.
  std::function<Result<std::filesystem::path>()> make_folder;
  std::function<Result<std::string>(const std::filesystem::path&)> write_start;  // what the user should know
  std::shared_ptr<collective::Communicator> comm;  // all that do this job together; host memory
  StopToken stop;                                  // asked between iterations
  std::string profile;                             // file for the trace of an iteration; empty: none
};

struct TrainOutcome {
  TrainState state;
  std::int64_t iterations = 0;   // of the whole schedule
  std::filesystem::path folder;  // where the first rank has written; empty: nothing was left to do
  Stop stop = Stop::none;        // why the run ended early, on whatever rank that was asked
  bool stale = false;            // it ended by the setting early_stop
};

// That the batches and the schedule fit the data, and job.start's iterations its epochs. To be asked before
// anything of a run's folder is replaced.
Status check_start(const TrainJob& job);

// By index of Model::variables: the rank that holds an optimiser state, and whether this one does; empty
// where every rank holds all. Of program, settings and ranks alone.
std::vector<int> state_owners(const TrainJob& job);
std::vector<bool> held_state(const TrainJob& job);

// Trains from job.start to the end of the schedule, max_iters, or until any rank's job.stop asks: then the
// state is saved and returned. Every rank calls it; the first one alone writes and is watched. Errors: data,
// a loss or gradient that is not finite (names the iteration and the first tensor that is not), disk, another
// rank that takes no part.
Result<TrainOutcome> train(const TrainJob& job, TrainObserver& observer);

}  // namespace graphrun::training
