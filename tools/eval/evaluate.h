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
  // `done` images of `total`; `seconds` for the last. `so_far` is null in a split without labels.
  virtual void image(std::int64_t done, std::int64_t total, double seconds,
                     const ConfusionMatrix* so_far) = 0;
};

// Labels every image of a split; `pictures` may be null. Returns what was counted, empty in a split without
// labels. Errors: data, the network, disk; two images of one name where pictures are written.
Result<std::optional<ConfusionMatrix>> evaluate(const Dataset& data, Protocol& protocol,
                                                const PictureWriter* pictures, EvalObserver& observer);

}  // namespace graphrun
