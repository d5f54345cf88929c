#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "graphrun/stop.h"
#include "runtime/labelling/protocol.h"
#include "runtime/model/program.h"
#include "training/evaluation/evaluate.h"
#include "training/evaluation/metrics.h"
#include "training/evaluation/predictions.h"
#include "training/jobs/data.h"
#include "training/jobs/eval_comparison.h"
#include "training/jobs/note.h"
#include "training/jobs/platform.h"
#include "training/jobs/protocol_choice.h"
#include "training/run/resolve.h"

namespace graphrun::training {

// What a user says of an evaluation. What is left open comes from a run's folder: `run`, or the latest where
// neither model nor run is given.
struct EvalRequest {
  std::string model;    // MODEL.fb or a bundle; excludes run
  std::string run;      // a run's folder
  std::string weights;  // empty: the bundle's, or the run's last checkpoint; best: its best by validation
  weights::TensorChoice choice;  // among the tensors of `weights`
  JobData data;
  std::string split = "val";
  ProtocolChoice protocol;
  SettingSources settings;
  model::Bindings parameters;    // late parameters of the model
  DType precision = DType::f32;  // of activations
  std::string folder;            // of results; empty: in the run's folder, or ./eval
  bool pictures = true;          // gray/, color/ and overlay/, beside metrics.json
  bool label_ids = false;        // also label/, in the data set's own label ids
  std::string predictions;       // score these saved PNGs, without a network and images
  PredictionIds predictions_as = PredictionIds::classes;
  ProbabilityFiles files;   // beside the pictures
  bool boundaries = false;  // boundary IoU too
  // Finds the temperature of the model's probabilities, and stores it in the run's model.
  bool fit_temperature = false;
  std::string compare;  // another evaluation (read_other); empty: none
};

// An evaluation that is about to start.
struct EvalStart {
  std::string model;
  std::string weights;
  std::string dataset;
  std::string split;
  std::int64_t images = 0;
  int comm = 1;
  int threads = 0;       // of this rank
  std::string protocol;  // describe()
};

// Who watches the evaluation: the first rank's terminal.
class EvalJobObserver : public EvalObserver {
 public:
  virtual void starting(const EvalStart& start) = 0;
  virtual void planned(const labelling::EvaluationMemory& memory) = 0;
  virtual void note(const Note& note) = 0;
};

struct EvalOutcome {
  std::filesystem::path folder;  // of the results
  std::vector<datasets::ClassInfo> classes;
  std::int64_t images = 0;
  std::optional<Metrics> metrics;  // none in a split without labels
  // Times of this rank since the start; 0 where saved predictions were scored.
  double seconds = 0;  // from decoded images to label maps
  labelling::ProtocolSeconds protocol{};
  std::optional<EvalComparison> comparison{};  // where another one was given
  std::optional<double> calibration_error{};   // where there was confidence
  std::optional<double> temperature{};         // that was fitted and stored
};

// Labels a split, or scores saved predictions; the first rank writes metrics.json, per_image.csv
// and, where another evaluation is given, comparison.json. Every rank calls it, but
// for saved predictions, which one scores. Errors: usage where there is no model, weights or data set;
// whatever of model, data and weights does not fit; `interrupted` where any rank's `stop` asked.
Result<EvalOutcome> run_evaluation(const EvalRequest& request, const Platform& platform,
                                   EvalJobObserver& observer, const StopToken& stop = {});

}  // namespace graphrun::training
