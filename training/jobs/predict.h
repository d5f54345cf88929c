#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "training/evaluation/evaluate.h"
#include "training/jobs/note.h"
#include "training/jobs/platform.h"
#include "training/jobs/protocol_choice.h"
#include "training/run/resolve.h"

namespace graphrun::training {

// What a user says of images that are to be labelled and have no labels.
struct PredictRequest {
  std::string model;                // MODEL.fb, a bundle, or a run's folder
  std::string weights;              // empty: the bundle's, or the run's last checkpoint
  weights::TensorChoice choice;     // among the tensors of `weights`
  std::vector<std::string> images;  // files, and folders of them
  std::vector<std::string> videos;  // files
  std::string dataset;              // colours and sizes; empty: the model's
  ProtocolChoice protocol;
  SettingSources settings;
  model::Bindings parameters;    // late parameters of the model
  DType precision = DType::f32;  // of activations
  ProbabilityFiles files;        // beside the pictures
  std::string folder;            // of results
  bool tiled = false;            // by windows (training/jobs/tiled.h)
  double smoothing = 0;          // of videos (training/jobs/video.h)
  // Folder of prepared weights; asked once the ranks have joined.
  std::function<Result<std::string>()> cache_folder;
};

struct PredictStart {
  std::string model;
  std::string weights;
  std::vector<std::string> images;  // names of the results
  std::size_t videos = 0;
  int ranks = 1;
  std::string protocol;  // describe()
};

// Who watches: the first rank's terminal. Notes of a host's cache come from the first rank of each host.
class PredictObserver : public EvalObserver {
 public:
  virtual void starting(const PredictStart& start) = 0;
  // Rows of a file that are done, by windows; or frames of a video, whose `total` may be 0: not known.
  // Seconds are those of one of them, on average since the last call.
  virtual void part(const std::string& file, std::int64_t done, std::int64_t total, double seconds) = 0;
  virtual void note(const Note& note) = 0;
  virtual void cache_note(const std::string& text) = 0;
};

// Labels images and writes gray/, color/ and, but by windows, overlay/ below the folder; of videos gray/ and
// overlay/. Every rank calls it.
// Errors: whatever of model, weights and images does not fit; two images of one name.
Status run_prediction(const PredictRequest& request, const Platform& platform, PredictObserver& observer);

}  // namespace graphrun::training
