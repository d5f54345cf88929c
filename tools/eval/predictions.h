#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "datasets/descriptor.h"
#include "datasets/metrics.h"
#include "runtime/core/status.h"
#include "tools/eval/evaluate.h"

namespace graphrun {

enum class PredictionIds {
  classes,  // class ids from 0
  labels,   // the data set's own label ids
};

// Scores saved label maps, PNGs named as the label files or as the images, without network and images.
// Errors: a split without labels, a missing file, one of another size than its label (names both).
Result<ConfusionMatrix> score_predictions(const Descriptor& descriptor, const std::string& split,
                                          const std::optional<std::filesystem::path>& data_root,
                                          const std::filesystem::path& folder, PredictionIds ids,
                                          EvalObserver& observer);

}  // namespace graphrun
