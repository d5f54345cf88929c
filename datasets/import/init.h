#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

struct InitRequest {
  std::filesystem::path folder;
  std::string images, masks;      // folders in it; empty: the usual names
  std::filesystem::path classes;  // colours with names; empty: looked for in the folder
  double val = 0;                 // part of the samples that validates
  std::uint64_t seed = 0;         // of the draw
  std::function<void(std::int64_t, std::int64_t)> progress = [](std::int64_t, std::int64_t) {};
};

struct InitReport {
  std::filesystem::path descriptor;
  std::vector<ClassInfo> classes;
  std::string labels;                          // the label rule, as JSON
  std::map<std::string, std::int64_t> splits;  // samples of each
  std::vector<std::string> notes;
};

// Writes dataset.json, train.txt and, where `val` is given, val.txt for a folder with images and masks:
// classes by the ids or colours that the masks hold. Where both folders have subfolders train and val (or
// test, ...), these are the splits. Nothing that is there is overwritten.
Result<InitReport> init_dataset(const InitRequest& request);

// Classes and label rule for what the masks hold. `named` (perhaps empty) names colours.
struct ClassesFound {
  std::vector<ClassInfo> classes;
  std::string labels;
};
struct MaskSurvey;
Result<ClassesFound> classes_of_masks(const MaskSurvey& survey, const std::vector<ClassInfo>& named);

}  // namespace graphrun::datasets
