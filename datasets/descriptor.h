#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/image_source.h"
#include "datasets/label_rule.h"
#include "datasets/sample.h"
#include "graphrun/class_info.h"
#include "graphrun/status.h"

// What a data set is, read from a JSON file (format: datasets/dataset.schema.json).
namespace graphrun::datasets {

using graphrun::ClassInfo;

// One way in which a split's files may lie. All paths are relative to the data root or the first of
// Descriptor::subfolders that exists in it, and stay inside. Exactly one of `list` and `images` is set, or
// neither where the samples are generated.
struct Split {
  std::string list;  // a text file, one sample a line; in the subfolder or in the data root itself
  // With `list`: a line is a name, and these are the paths with {} in the place of the name; empty: a line
  // holds the paths themselves, `image label` or `image` alone.
  std::string image_pattern;
  std::string label_pattern;
  // Directory layout: every file below `images` that ends in image_suffix; its label lies below `labels` at
  // the same relative path with the suffix replaced.
  std::string images;
  std::string labels;
  std::string image_suffix;
  std::string label_suffix;
  bool labelled = true;
  // Generated samples.
  std::int64_t count = 0;
  std::uint64_t seed = 0;
};

// How a network takes the images: (number - mean * value_scale) / (std * value_scale), by channel.
struct ImageScaling {
  double value_scale = 1;
  std::vector<double> mean;
  std::vector<double> std;
};

struct Generator {
  std::string name;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

// Setting name -> JSON text of its value (a number, string, boolean, null, or array of these).
using Settings = std::map<std::string, std::string>;

// Settings for the networks whose name matches the pattern (* any characters, ? one).
struct Recipe {
  std::string pattern;
  Settings settings;
};

// A label rule for the files whose path matches the pattern, where a data set comes with labels in several
// forms.
struct LabelVariant {
  std::string pattern;
  LabelRule rule;
};

struct Descriptor {
  std::filesystem::path file;
  std::string name;
  std::string note;
  std::vector<ClassInfo> classes;
  LabelRule labels;
  std::vector<LabelVariant> label_variants;          // the first that matches wins over `labels`
  std::vector<std::string> subfolders;               // where the files may lie below the data root
  std::map<std::string, std::vector<Split>> splits;  // the first whose list or folder exists is used
  std::optional<Generator> generator;
  ImageSource images;                      // pictures, where the file says nothing
  std::optional<ImageScaling> preprocess;  // in the place of the network's own, when a training starts
  std::string data_root;                   // default, relative to the descriptor's folder; may be empty
  std::string data_hint;                   // where the data comes from, for the error when it is missing
  Settings settings;
  std::vector<Recipe> recipes;  // in the order of the file
};

// A name is looked up as DIR/NAME.json in the search folders, in order; anything with a '/' or ending in
// ".json" is a path. Errors read `file: /path/to/key: expected ...`.
Result<Descriptor> load_descriptor(const std::string& name_or_path,
                                   std::span<const std::filesystem::path> search_dirs);
// Reads a descriptor from JSON text; `file` is used in errors and as the place that data_root is relative to.
Result<Descriptor> parse_descriptor(std::string_view json, const std::filesystem::path& file);

// The recipes' settings for a network, later recipes winning. They win over Descriptor::settings.
Settings recipe_settings(const Descriptor& descriptor, std::string_view network);

// The rule for a label file.
const LabelRule& label_rule(const Descriptor& descriptor, const std::filesystem::path& label);

// Status::ok for a path that is relative, not empty and does not climb with "..".
Status check_inside(std::string_view path);

}  // namespace graphrun::datasets
