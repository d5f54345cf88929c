#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// Texts, not paths: a path of the library takes several times as much memory.
struct SamplePath {
  std::string name;   // of its outputs: the image's file name without its extension
  std::string image;  // the path of its file
  std::string label;  // empty in a split without labels
};

inline constexpr std::size_t kMaxSamples = std::size_t{1} << 24;  // of a split

// The samples of a split in the order of its list, or sorted by path in a directory layout. `source` is the
// list file or the folder of images; `root` is what the paths are relative to. Files are not looked at,
// except that a directory layout lists them. Errors name list file and line; a path outside the root is one.
Result<std::vector<SamplePath>> list_samples(const Split& split, const std::filesystem::path& root,
                                             const std::filesystem::path& source);

// `text` of a list file; `list` is used in errors.
Result<std::vector<SamplePath>> parse_list(std::string_view text, const std::filesystem::path& list,
                                           const Split& split, const std::filesystem::path& data_root);

// The file's name without its last extension.
std::string sample_name(const std::filesystem::path& image);

// The companion file that macOS puts beside one on a foreign disk (AppleDouble), which is no image.
bool is_apple_double(const std::filesystem::path& file);

// Predictions are written under the samples' names, so that two samples of one name would overwrite each
// other.
Status check_unique_names(std::span<const std::string> names);

}  // namespace graphrun::datasets
