#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "graphrun/status.h"

namespace graphrun::training {

struct ImageScore {
  std::int64_t index = 0;            // in the split
  double iou = 0;                    // mean over the classes that occur in label or prediction
  double accuracy = 0;               // of the labelled pixels
  std::optional<double> confidence;  // mean probability of the winner
};

// Each image by itself: from the evaluation's per_image.csv, or where it has none, by scoring the label maps
// in `results`/gray against the split's labels and reading what is in `results`/confidence. Images without a
// label map, with one of another size or without a labelled pixel are left out, as are those whose files
// cannot be read: they were scored once.
std::vector<ImageScore> score_images(const datasets::Dataset& data, const std::filesystem::path& results,
                                     int classes);

// The saved label map of an image. Errors: there is none; another size than the label's.
Result<imaging::LabelMap> read_label_map(const std::filesystem::path& results, const std::string& name);

// Which of them to show, no image twice: the worst, the least certain and the best by mean IoU.
struct ChosenImages {
  std::vector<ImageScore> worst;
  std::vector<ImageScore> least_certain;
  std::vector<ImageScore> best;
};
ChosenImages choose_images(std::vector<ImageScore> scores);

}  // namespace graphrun::training
