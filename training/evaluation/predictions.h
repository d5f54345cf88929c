#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "datasets/subset.h"
#include "graphrun/status.h"
#include "training/evaluation/evaluate.h"
#include "training/evaluation/tally.h"

namespace graphrun::training {

enum class PredictionIds {
  classes,  // class ids from 0
  labels,   // the data set's own label ids
};

struct SavedPredictions {
  std::filesystem::path folder;
  PredictionIds ids = PredictionIds::classes;
  bool boundaries = false;  // counted too
};

// Pixels of predictions in class ids that hold neither a class nor that of ignored pixels, and the first of
// them.
struct StrayPixels {
  std::int64_t count = 0;
  std::filesystem::path file;
  std::uint16_t id = 0;
  std::int64_t row = 0;
  std::int64_t column = 0;
};

struct Scoring {
  Tally tally;
  std::vector<std::string> names;  // of the images
  datasets::SampleRange range;     // whole() where all of the split was scored
  StrayPixels strays;              // counted as wrong
};

// Scores saved label maps, PNGs named as the label files or as the images, without network and images.
// Errors: a split without labels, a range beyond it, a missing file, one of another size than its label
// (names both).
Result<Scoring> score_predictions(const datasets::Descriptor& descriptor, const std::string& split,
                                  const std::optional<std::filesystem::path>& data_root,
                                  const datasets::SampleRange& range, const SavedPredictions& saved,
                                  EvalObserver& observer);

}  // namespace graphrun::training
