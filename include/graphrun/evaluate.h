#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graphrun/api.h"
#include "graphrun/dataset.h"
#include "graphrun/image.h"
#include "graphrun/op_libraries.h"
#include "graphrun/status.h"
#include "graphrun/stop.h"

// Scores a model on a split, as `grun eval` does it. Component: training.
//
//     graphrun::EvaluateOptions options;
//     options.run = "run";  // its model, data set and last checkpoint
//     graphrun::Result<graphrun::Evaluation> scores = graphrun::evaluate(options);
//     if (scores.ok()) std::printf("mIoU %.4f\n", scores->mean_iou);
namespace graphrun {

// The options of `grun eval`. Those that are left empty come from the folder `run`, or from the latest run
// where neither `model` nor `run` is given.
struct EvaluateOptions {
  std::string model{};  // .fb or .grun; excludes `run`
  std::string run{};    // a run's folder
  // .safetensors or .pth; empty: the bundle's, or the run's last checkpoint; best: the run's best by
  // validation.
  std::string weights{};
  std::string dataset{};    // a data set's name, or the path of a descriptor; excludes `data`
  std::string data_root{};  // folder of the data set's files
  std::optional<Dataset> data{};
  std::string split = "val";
  std::string protocol{};              // slide: overlapping crops; whole: in one pass; empty: the model's own
  std::vector<double> scales{};        // empty: the setting scales
  std::optional<bool> flip{};          // mirrored views too; empty: as the model's own protocol has it
  std::int64_t batch = 0;              // crops that go through the network at once; 0: as fits the device
  std::uint64_t memory_limit = 0;      // bytes that may be planned; 0: what is available
  std::vector<std::string> configs{};  // JSON files of settings
  std::map<std::string, std::string> settings{};  // by name: the JSON text of the value
  std::map<std::string, double> parameters{};     // late graph parameters, as -D
  OpLibraries ops{};                              // with the model's ops that are not graphrun's
  std::string device = "cpu";                     // auto, cpu, cuda, cuda:N
  int threads = 0;                                // of the CPU; 0: all that this process may use
  std::string precision = "f32";                  // of activations: f32, bf16 or int8
  std::string cache{};     // folder of what a device computes once; empty: nothing is kept
  std::string folder{};    // of the results; empty: in the run's folder, or ./eval
  bool pictures = true;    // gray/, color/ and overlay/ beside metrics.json
  bool label_ids = false;  // also label/, in the data set's own label ids
  // Files of probabilities that are written (doc/evaluation.md), and the calibration in metrics.json.
  bool confidence = false;
  bool probabilities = false;
  double threshold = 0;  // pixels whose class is less probable get the id `unsure` in pictures; 0: none
  ClassId unsure = 255;
  bool fit_temperature = false;            // of the run's model, in which it is stored
  bool boundaries = false;                 // boundary IoU too
  std::string compare{};                   // a metrics.json or a run's folder: comparison.json is written
  std::string predictions{};               // score these saved PNGs, without a network and images
  bool predictions_are_label_ids = false;  // they hold the data set's label ids, not class ids from 0
  bool join_ranks = true;                  // as TrainerOptions::join_ranks
};

struct ClassScore {
  std::string name;
  double iou = 0;
  double accuracy = 0;
};

struct Evaluation {
  std::string folder;  // of the results
  std::int64_t images = 0;
  bool scored = false;  // false for a split without labels: the rest is 0
  double mean_iou = 0;  // over all classes
  double mean_accuracy = 0;
  double accuracy = 0;  // of all labelled pixels
  std::vector<ClassScore> classes;
  std::optional<double> calibration_error{};  // where confidence was asked for
  std::optional<double> temperature{};        // that was fitted
};

// Hears of the course, on the thread that calls evaluate().
class GRAPHRUN_API EvaluateObserver {
 public:
  EvaluateObserver() = default;
  EvaluateObserver(const EvaluateObserver&) = delete;
  EvaluateObserver& operator=(const EvaluateObserver&) = delete;
  virtual ~EvaluateObserver();
  virtual void note(const std::string& text);  // what is worth knowing and no error
  virtual void image(std::int64_t done, std::int64_t images, double seconds);
};

// `observer` may be null. Errors: what is missing or does not fit; `interrupted` where `stop` asked.
GRAPHRUN_API Result<Evaluation> evaluate(const EvaluateOptions& options, EvaluateObserver* observer = nullptr,
                                         const StopToken& stop = {});

}  // namespace graphrun
