#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "datasets/channel_counts.h"
#include "datasets/check.h"

// What a check counts while it reads (datasets/check.cpp), and what is made of it (check_advice.cpp).
namespace graphrun::datasets {

inline constexpr std::uint32_t kIsColor = 1u << 24;
inline constexpr std::int64_t kKeptProblems = 20;  // of a kind, by each thread

struct Place {
  std::int64_t sample = INT64_MAX;
  std::int64_t row = 0;
  std::int64_t column = 0;
  std::string file;
};

// A label id that the data set does not have, or a colour.
struct Unknown {
  std::string name;  // "label id 7"
  std::int64_t pixels = 0;
  std::int64_t files = 0;
  Place first;

  void merge(const Unknown& other) {
    name = other.name;
    pixels += other.pixels;
    files += other.files;
    if (other.first.sample < first.sample) first = other.first;
  }
};

// What the samples of one thread add to the report.
struct Counts {
  explicit Counts(std::size_t classes) : per_class(classes), histogram(1 << 16) {}
  std::vector<ClassCount> per_class;
  std::vector<std::uint32_t> histogram;      // of the label ids of one file
  std::map<std::uint32_t, Unknown> unknown;  // by label id, or by packed colour and kIsColor
  std::int64_t labels = 0;                   // that could be read
  std::int64_t ignored = 0;
  std::int64_t turned = 0;  // images that EXIF turns or mirrors
  Place first_turned;
  std::map<std::uint16_t, std::int64_t> pixels_of_ids;  // of labels of ids, as they are stored
  std::int64_t void_labels = 0;                         // without a labelled pixel
  Place first_void;
  ChannelCounts channels;
  std::int64_t low[2] = {INT64_MAX, INT64_MAX};
  std::int64_t high[2] = {0, 0};
  std::map<ProblemKind, std::int64_t> found;
  std::vector<Problem> problems;

  void add(Problem problem) {
    if (++found[problem.kind] <= kKeptProblems) problems.push_back(std::move(problem));
  }
  void add_size(const imaging::Image& image) {
    const std::int64_t size[2] = {image.height, image.width};
    for (int i = 0; i < 2; ++i) {
      low[i] = std::min(low[i], size[i]);
      high[i] = std::max(high[i], size[i]);
    }
  }
  void merge(const Counts& other) {
    for (std::size_t c = 0; c < per_class.size(); ++c) {
      per_class[c].pixels += other.per_class[c].pixels;
      per_class[c].images += other.per_class[c].images;
      per_class[c].image_pixels += other.per_class[c].image_pixels;
    }
    for (const auto& [id, entry] : other.unknown) unknown[id].merge(entry);
    channels.merge(other.channels);
    labels += other.labels;
    ignored += other.ignored;
    turned += other.turned;
    if (other.first_turned.sample < first_turned.sample) first_turned = other.first_turned;
    for (const auto& [id, pixels] : other.pixels_of_ids) pixels_of_ids[id] += pixels;
    void_labels += other.void_labels;
    if (other.first_void.sample < first_void.sample) first_void = other.first_void;
    for (int i = 0; i < 2; ++i) {
      low[i] = std::min(low[i], other.low[i]);
      high[i] = std::max(high[i], other.high[i]);
    }
    for (const auto& [kind, count] : other.found) found[kind] += count;
    problems.insert(problems.end(), other.problems.begin(), other.problems.end());
  }
};

// What mistakes the unknown label ids look like.
std::vector<std::string> label_hints(const Descriptor& descriptor, const Counts& counts);
std::vector<std::string> check_notes(const Descriptor& descriptor, const Counts& counts);

// Labels that teach nothing, or not what is meant: no labelled pixel, one class alone, masks of 0 and 255.
// Precondition: a label was read.
std::vector<std::string> poor_label_notes(const Descriptor& descriptor, const Counts& counts);

// Adds what one label says.
void count_ids(const LabelImage& label, const LabelRule& rule, std::int64_t sample, const std::string& file,
               Counts& counts);

}  // namespace graphrun::datasets
