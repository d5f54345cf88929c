#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "training/jobs/data.h"
#include "training/jobs/note.h"
#include "training/jobs/platform.h"
#include "training/run/backbone.h"
#include "training/run/resolve.h"
#include "training/trainer.h"

namespace graphrun::training {

// What a user says of a training run; the rest comes from settings, the model and the data set.
struct TrainRequest {
  std::string model;  // MODEL.fb; empty, as a name of data: those of the run that is resumed
  JobData data;
  std::string weights;           // parameters to start from; excludes init_backbone
  std::string init;              // weights of a network of other classes to start from; excludes the others
  std::string init_backbone;     // a classifier's checkpoint to start the backbone from
  weights::TensorChoice choice;  // among the tensors of the file of these that is given
  std::string resume;            // empty, auto, or the folder of a run, which says what is left open here
  std::string folder;            // of a new run; empty: exp/DATASET/MODEL/TIME
  SettingSources settings;
  model::Bindings parameters;             // late parameters of the model
  DType precision = DType::f32;           // of activations
  bool precision_of_run = false;          // a run that is resumed keeps its own instead
  std::optional<std::int64_t> max_iters;  // stop after so many in all; the schedule stays
  std::optional<std::uint64_t> seed;      // wins over the setting manual_seed
  bool deterministic = false;             // seed 0 where none is given
  std::int64_t memory_budget = 0;         // of a rank; TrainSession::Options
  std::string profile;                    // file for the trace of an iteration; empty: none
  std::vector<std::string> command;       // of the program that asks, as run.json is to keep it
  bool link_latest = true;                // exp/latest, below the current folder, points at the run
};

// Who hears of what happens before the first iteration. Called on the ranks where it happens.
class StartObserver {
 public:
  virtual ~StartObserver() = default;
  virtual void backbone(const BackboneReport& report) = 0;
  virtual void note(const Note& note) = 0;
};

// All that comes before the first iteration of a run: chooses or resumes its folder, resolves settings, binds
// the model, joins ranks and agrees with them, opens the data, makes, loads or resumes weights, and writes
// what the folder holds of these. Every rank calls it. The job lacks `stop`, which the caller may set.
// Errors: usage where options exclude each other or a setting of the request is wrong; whatever of the model,
// data, weights or the run that is resumed does not fit, before anything is written.
Result<TrainJob> prepare_training(const TrainRequest& request, const Platform& platform,
                                  StartObserver& observer);

// How a batch is divided.
struct BatchShares {
  std::int64_t all = 0;         // images in a step
  std::int64_t of_rank = 0;     // of these on each rank
  std::int64_t parts = 1;       // in which a rank computes them
  std::int64_t normalised = 0;  // images over which batch norm takes its statistics
};
BatchShares batch_shares(const TrainJob& job);
// What is noteworthy about that.
std::vector<Note> batch_notes(const TrainJob& job);

}  // namespace graphrun::training
