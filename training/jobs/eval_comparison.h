#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "training/evaluation/bootstrap.h"
#include "training/evaluation/per_image.h"
#include "training/evaluation/tally.h"

namespace graphrun::training {

// Another evaluation's counts by image, read before the one that is compared with it writes anything.
struct OtherEvaluation {
  std::filesystem::path folder;
  ImageNamesAndCounts images;
};
// `other`: a metrics.json, the folder it lies in, or a run's folder, which stands for its newest evaluation
// of `split` that has counts by image, by the protocol of this name (label_folder) if there is one. Errors:
// nothing of that kind; a damaged file.
Result<OtherEvaluation> read_other(const std::filesystem::path& other, const std::string& split,
                                   const std::string& protocol);

struct EvalComparison {
  std::filesystem::path other;
  double mean_iou = 0;  // of the other one
  PairedDifferences differences;
};
// Errors: other images, or another number of classes.
Result<EvalComparison> compare_evaluations(const Tally& tally, std::span<const std::string> names,
                                           const OtherEvaluation& other);

// comparison.json: other, mIoU and other_mIoU, difference with its interval, and of each class its difference
// and what came of it: "won" or "lost" where the interval does not contain 0, else "even".
std::string comparison_json(const EvalComparison& comparison, std::span<const datasets::ClassInfo> classes);
// Writes a comparison as lines for people.
std::string describe(const EvalComparison& comparison, std::span<const datasets::ClassInfo> classes);

}  // namespace graphrun::training
