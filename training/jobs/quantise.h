#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "graphrun/stop.h"
#include "training/jobs/data.h"
#include "training/jobs/note.h"
#include "training/jobs/platform.h"
#include "training/jobs/protocol_choice.h"
#include "training/run/resolve.h"

namespace graphrun::training {

// What a user says of a quantisation.
struct QuantiseRequest {
  std::string model;    // MODEL.fb, a bundle, or a run's folder
  std::string weights;  // as choose_model() takes it
  weights::TensorChoice choice;
  JobData data;
  std::string split = "train";
  std::int64_t images = 128;  // at most, spread over the split
  double max_drop = 0.005;    // of the mean IoU on these images
  SettingSources settings;
  model::Bindings parameters;
  std::string file;  // the weights that are written
};

// A layer with weights, as it stands in the file.
struct QuantisedLayerRow {
  std::string path;
  // Mean square of what the layer alone in 8 bits changes the logits by, as a part of the logits' variance.
  double sensitivity = 0;
  bool wide = false;  // kept so
  // No kernel takes it in 8 bits: it is computed wide, of a weight that is stored so or not.
  bool computed_wide = false;
};

class QuantiseObserver {
 public:
  virtual ~QuantiseObserver() = default;
  virtual void note(const Note& note) = 0;
  virtual void stage(const std::string& what) = 0;
};

struct QuantiseOutcome {
  std::vector<QuantisedLayerRow> layers;  // the most sensitive first
  std::int64_t images = 0;
  double wide_iou = 0;     // mean IoU in f32
  double iou = 0;          // in 8 bits
  std::int64_t bytes = 0;  // of the file's tensors
  std::int64_t f32_bytes = 0;
  bool within = false;  // the drop is no larger than was asked for
};

// Chooses scales of activations and weights by the images, keeps wide the layers that lose most until the
// mean IoU drops by no more than `max_drop`, and writes the weights (runtime/weights/quantised.h). Errors:
// what of model, data and weights does not fit; a split without labels; a device without kernels for 8 bits;
// a network of which nothing can be quantised; `interrupted`.
Result<QuantiseOutcome> run_quantisation(const QuantiseRequest& request, const Platform& platform,
                                         QuantiseObserver& observer, const StopToken& stop = {});

}  // namespace graphrun::training
