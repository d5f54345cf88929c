#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/descriptor.h"
#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// What a descriptor's file says, for writing: samples in lists.
struct DescriptorText {
  std::string name;
  std::vector<ClassInfo> classes;
  std::string labels;                        // the label rule, as JSON
  std::map<std::string, std::string> lists;  // split -> file
};
std::string to_json(const DescriptorText& text);

// A name that a descriptor may have, made of a folder's.
std::string descriptor_name(const std::filesystem::path& folder);

// So many colours that differ well; the first is black.
imaging::Color distinct_color(std::size_t index);

// Errors: the image, turned upright, has another size; it cannot be read.
Status check_annotated_size(const std::filesystem::path& image, imaging::Extent annotated);

// A folder that a data set is written into: images/, labels/ (PNG of class ids, ignored ones 255 or, beyond
// 255 classes, 65535), a list of samples and dataset.json.
class DataFolder {
 public:
  // A folder that holds dataset.json already must have the same classes and no such split: the split is
  // added.
  static Result<DataFolder> open(const std::filesystem::path& folder, const std::string& split,
                                 std::vector<ClassInfo> classes);

  // The image's file is linked or copied as it is. `name` is its path below images/: it must stay inside, and
  // no other image may have the same one up to its extension. The label has the image's upright size.
  Status add(const std::filesystem::path& image, const std::string& name, const imaging::LabelMap& label);
  // Adds an image in memory likewise.
  Status add(std::string_view image, const std::string& name, const imaging::LabelMap& label);

  // Writes list and descriptor, whose path it returns.
  Result<std::filesystem::path> finish();

  const std::vector<ClassInfo>& classes() const { return classes_; }
  std::size_t samples() const { return names_.size(); }

 private:
  DataFolder(std::filesystem::path folder, std::string split, std::vector<ClassInfo> classes)
      : folder_(std::move(folder)), split_(std::move(split)), classes_(std::move(classes)) {}
  Result<std::filesystem::path> new_image(const std::string& name);
  Status add_label(const std::filesystem::path& image, const std::string& name,
                   const imaging::LabelMap& label);

  std::filesystem::path folder_;
  std::string split_;
  std::vector<ClassInfo> classes_;
  std::map<std::string, std::string> lists_;  // of other splits
  std::set<std::string> names_;               // of labels
  std::string list_;
};

}  // namespace graphrun::datasets
