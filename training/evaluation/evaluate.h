#pragma once

#include <cstdint>
#include <optional>

#include "datasets/dataset.h"
#include "graphrun/status.h"
#include "graphrun/stop.h"
#include "runtime/labelling/protocol.h"
#include "runtime/model/backend.h"
#include "training/evaluation/metrics.h"
#include "training/evaluation/pictures.h"
#include "training/evaluation/tally.h"
#include "training/evaluation/temperature.h"

namespace graphrun::training {

// Who watches an evaluation: the terminal.
class EvalObserver {
 public:
  virtual ~EvalObserver() = default;
  // `done` images of `total`; `seconds` for the last. `so_far` is null in a split without labels, and with
  // several ranks.
  virtual void image(std::int64_t done, std::int64_t total, double seconds,
                     const ConfusionMatrix* so_far) = 0;
};

// Images that are in memory beside the one that the network has in hand, each at work on a thread of its own.
struct PipelineDepth {
  int decoded = 1;  // the next ones, which are decoded or wait; at least one
  int written = 1;  // the last ones, whose pictures are written; at least one
  bool operator==(const PipelineDepth&) const = default;
};
// One of each on the host, where they take processors from the kernels; on other devices a few, at most as
// many of each as `threads`, or, where that is 0, as the processors that this process may use.
PipelineDepth pipeline_depth(const model::Backend& backend, int threads);

// Plans memory from the sizes that the images' headers give, and takes that of the activations. Errors: a
// header that cannot be read, more than `max_bytes`.
Result<labelling::EvaluationMemory> reserve_memory(const datasets::Dataset& data,
                                                   labelling::Protocol& protocol, std::int64_t max_bytes,
                                                   const PipelineDepth& depth = {},
                                                   const LabelDetails& details = {});

// The error of an evaluation that was asked to stop.
Status evaluation_stopped();

struct Evaluation {
  std::optional<Tally> tally;  // none in a split without labels
  double seconds = 0;          // from decoded images to label maps
  TemperatureFit temperature;  // empty where none was to be fitted
};
// What is done with label maps besides counting their pixels.
struct EvaluationWishes {
  const PictureWriter* pictures = nullptr;  // null: none are written
  bool boundaries = false;                  // counted too
  LabelDetails details;                     // of the label maps: what pictures need; confidence is counted
  bool fit_temperature = false;             // needs probabilities, of the temperature 1
};
// Labels every image of a split, in its order. While the network has an image in
// hand, the next ones are decoded and the last ones' pictures are written. All that was begun has ended when
// this returns. Errors: data, the network, disk; two images of one name where pictures are written;
// `interrupted` where `stop` asked between two images.
Result<Evaluation> evaluate(const datasets::Dataset& data, labelling::Protocol& protocol,
                            const EvaluationWishes& wishes, EvalObserver& observer,
                            const PipelineDepth& depth = {}, const StopToken& stop = {});

}  // namespace graphrun::training
