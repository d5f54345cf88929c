#pragma once

#include <cstdint>
#include <optional>

#include "datasets/dataset.h"
#include "datasets/metrics.h"
#include "runtime/core/status.h"
#include "tools/eval/pictures.h"
#include "tools/eval/protocol.h"

namespace graphrun {

// Who watches an evaluation: the terminal.
class EvalObserver {
 public:
  virtual ~EvalObserver() = default;
  // `done` images of `total`; `seconds` for the last. `so_far` is null in a split without labels, and with
  // several ranks.
  virtual void image(std::int64_t done, std::int64_t total, double seconds,
                     const ConfusionMatrix* so_far) = 0;
};

// Plans memory from the sizes that the images' headers give, and takes that of the activations. Errors: a
// header that cannot be read, more than `most_bytes`.
Result<EvaluationMemory> reserve_memory(const Dataset& data, Protocol& protocol, std::int64_t most_bytes);

struct Evaluation {
  std::optional<ConfusionMatrix> confusion;  // none in a split without labels
  double seconds = 0;                        // from decoded images to label maps
};
// Labels every image of a split; `pictures` may be null. While the network has an image in hand, the next one
// is decoded and the last one's pictures are written. Errors: data, the network, disk; two images of one name
// where pictures are written.
Result<Evaluation> evaluate(const Dataset& data, Protocol& protocol, const PictureWriter* pictures,
                            EvalObserver& observer);

}  // namespace graphrun
