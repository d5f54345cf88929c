#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graphrun/api.h"
#include "graphrun/dataset.h"
#include "graphrun/op_libraries.h"
#include "graphrun/status.h"
#include "graphrun/stop.h"

// Training as `grun train` does it: settings, schedule, validation, checkpoints, a run's folder that can be
// resumed. Component: training.
//
//     graphrun::TrainerOptions options;
//     options.model = "spnet50.fb";
//     options.dataset = "camvid";
//     options.folder = "run";
//     options.settings = {{"epochs", "20"}, {"batch_size", "8"}};
//     graphrun::Result<graphrun::Trainer> trainer = graphrun::Trainer::prepare(options);
//     if (!trainer.ok()) return fail(trainer.status());
//     graphrun::Result<graphrun::TrainResult> result = trainer->run();
//
// Messages of errors name options as grun does (--weights, --resume).
namespace graphrun {

// The options of `grun train`, under the names that they have there.
struct TrainerOptions {
  std::string model{};      // .fb
  std::string dataset{};    // a data set's name, or the path of a descriptor; excludes `data`
  std::string data_root{};  // folder of the data set's files
  std::optional<Dataset> data{};
  std::string weights{};  // parameters to start from: .safetensors or .pth
  // Weights of a network of other classes to start from: layers whose shape depends on their number start
  // anew, and a note names them. Excludes `weights`.
  std::string init{};
  std::string init_backbone{};  // an ImageNet checkpoint to start the backbone from; excludes both
  std::string key{};            // dictionary of such a checkpoint to take; empty: the one that fits
  std::string strip{};          // prefix of its names to take, which is dropped; empty: the one that fits
  // auto (the run of `folder`, or else the latest, if it has a checkpoint), or the folder of a run to go on
  // with.
  std::string resume{};
  std::string folder{};                // of the run; empty: exp/DATASET/MODEL/TIME below the current folder
  std::vector<std::string> configs{};  // JSON files of settings
  // Settings by name (doc/training.md), each the JSON text of its value; they win over `configs`.
  std::map<std::string, std::string> settings{};
  std::map<std::string, double> parameters{};  // late graph parameters, as -D
  OpLibraries ops{};                           // with the model's ops that are not graphrun's
  std::string device = "cpu";                  // auto, cpu, cuda, cuda:N
  int threads = 0;                             // of the CPU; 0: all that this process may use
  std::string precision = "f32";               // of activations: f32 or bf16
  std::string cache{};                      // folder of what a device computes once; empty: nothing is kept
  std::optional<std::int64_t> max_iters{};  // stop after so many in all; the schedule stays
  std::optional<std::uint64_t> seed{};      // wins over the setting manual_seed
  bool deterministic = false;               // seed 0 where none is given
  // Bytes: what would be computed again in the backward pass is kept as far as it fits. 0: the least memory.
  std::int64_t memory_budget = 0;
  std::string profile{};     // file for the trace of an iteration; empty: none
  bool link_latest = false;  // make exp/latest, below the current folder, a link to the run
  // Take part in the job that mpirun or srun has started this process for, where one has. It initialises MPI,
  // which a process can do once.
  bool join_ranks = true;
};

// One optimiser step.
struct TrainStep {
  std::int64_t iteration = 0;   // from 1
  std::int64_t iterations = 0;  // of the whole schedule
  std::int64_t epoch = 0;       // from 1
  double loss = 0;
  double main_loss = 0;
  double auxiliary_loss = 0;
  double learning_rate = 0;
  double data_seconds = 0;  // waiting for the batch
  double step_seconds = 0;
  double mean_iou = 0;  // of its batch, as it was trained on
  double accuracy = 0;  // likewise, of its labelled pixels
};

struct TrainEpoch {
  std::int64_t epoch = 0;  // from 1
  std::int64_t epochs = 0;
  double loss = 0;  // mean of the epoch's main losses
  double mean_iou = 0;
  double accuracy = 0;
  // On centre crops of the split val; empty without the setting evaluate.
  struct Validation {
    double loss = 0;
    double mean_iou = 0;
    double accuracy = 0;
  };
  std::optional<Validation> validation;
  bool is_best = false;  // of all validations so far
};

// Hears of a run's course, on the thread that runs it; of several ranks only the first one's does.
class GRAPHRUN_API TrainObserver {
 public:
  TrainObserver() = default;
  TrainObserver(const TrainObserver&) = delete;
  TrainObserver& operator=(const TrainObserver&) = delete;
  virtual ~TrainObserver();

  // Something worth knowing that is no error: noisy batch statistics, tensors of a backbone that were not
  // taken, ...
  virtual void note(const std::string& text);
  virtual void step(const TrainStep& step);
  virtual void validating(std::int64_t images_done, std::int64_t images);
  virtual void epoch(const TrainEpoch& epoch);
  virtual void saved(const std::string& checkpoint);
};

struct TrainResult {
  std::int64_t iterations = 0;  // done since the run's start
  std::int64_t epochs = 0;      // whole ones
  Stop stop = Stop::none;       // why the run ended early
  std::string folder;
  std::string checkpoint;       // of the state that is returned; .safetensors
  std::int64_t best_epoch = 0;  // by validation; 0: none was done
  double best_mean_iou = 0;
  bool stale = false;  // it ended by the setting early_stop
};

// A run that is ready to start. Used by one thread at a time.
class GRAPHRUN_API Trainer {
 public:
  // Does all that comes before the first iteration: resolves settings, binds the model, opens the data,
  // makes, loads or resumes weights. `observer` may be null. Errors: options that exclude each other,
  // whatever of the model, data, weights or resumed run does not fit. Nothing is written before run() has
  // done the first iteration: what is wrong until then leaves no folder.
  static Result<Trainer> prepare(const TrainerOptions& options, TrainObserver* observer = nullptr);
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;
  ~Trainer();

  const std::string& folder() const;
  std::int64_t iterations_done() const;
  std::int64_t samples() const;  // of the split train

  // Trains to the end of the schedule or max_iters, or until `stop` asks: then the iteration is finished and
  // the state saved. Called again it goes on from there. `observer` may be null. Errors: data, a loss or
  // gradient that is not finite, disk; the checkpoints so far stay.
  Result<TrainResult> run(TrainObserver* observer = nullptr, const StopToken& stop = {});

 private:
  struct Impl;
  explicit Trainer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace graphrun
