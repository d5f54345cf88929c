#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datasets/channel_counts.h"
#include "datasets/descriptor.h"
#include "datasets/unlisted.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

enum class ProblemKind {
  image_missing,
  label_missing,
  image_unreadable,
  label_unreadable,  // damaged, or no image
  label_form,        // a good image that holds no ids: a JPEG, a picture of colours
  size_mismatch,
  unknown_label_id,  // one for each id: the first file, the number of pixels and files, the first pixel
  palette_differs,   // a palette label whose colours are those of other classes than its indices
  name_twice,
  sample_twice,
};

// Something that spoils training or evaluation.
struct Problem {
  ProblemKind kind = ProblemKind::image_missing;
  std::int64_t sample = 0;  // index in the split
  std::string file;
  std::string message;
};

struct ClassCount {
  std::int64_t pixels = 0;
  std::int64_t images = 0;        // in which it occurs
  std::int64_t image_pixels = 0;  // labelled pixels of those images
  // Median frequency balancing (Eigen, Fergus, ICCV 2015): frequency = pixels / image_pixels, weight = median
  // frequency / frequency; 0 for a class that does not occur.
  double weight = 0;
};

struct CheckReport {
  std::string dataset;
  std::string split;
  bool labelled = true;
  std::int64_t samples = 0;
  std::int64_t ignored_pixels = 0;
  std::int64_t smallest_height = 0, smallest_width = 0;  // of the images
  std::int64_t largest_height = 0, largest_width = 0;
  imaging::ImageForm images;
  std::vector<ChannelStatistics> channels;  // of the images' numbers
  std::vector<std::string> class_names;
  std::vector<ClassCount> classes;
  std::map<ProblemKind, std::int64_t> counts;  // of all problems
  std::vector<Problem> problems;               // the first of each kind, in the order of the samples
  std::vector<std::string> hints;              // what the unknown label ids look like
  std::vector<std::string> notes;              // what is worth knowing and no problem
  std::vector<Unlisted> unlisted;              // files in the split's folders that no sample has
};

// Samples done and their number.
using CheckProgress = std::function<void(std::int64_t, std::int64_t)>;

// Reads every file of a split, with so many threads; holds one sample a thread. Problems of the data are in
// the report; the error is that the split cannot even be listed. `progress` is called from the calling
// thread.
Result<CheckReport> check_dataset(const Descriptor& descriptor, const std::string& split,
                                  const std::optional<std::filesystem::path>& data_root, int threads,
                                  const CheckProgress& progress = {});

// What is to be known before training on a split, without reading it whole: files that its folders have and
// no sample, labels (a few are read) that cannot teach what is meant. Nothing for generated samples.
struct DataNote {
  bool is_warning = false;  // training may come to nothing
  std::string text;
};
Result<std::vector<DataNote>> look_before_training(const Descriptor& descriptor, const std::string& split,
                                                   const std::optional<std::filesystem::path>& data_root);

// The report for a reader: sizes, classes with weights, and of each kind of problem the first few with what
// to do.
std::string format_report(const CheckReport& report);

}  // namespace graphrun::datasets
