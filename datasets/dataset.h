#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "datasets/image_io.h"
#include "datasets/sample.h"
#include "datasets/sample_list.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// The samples of one split. All functions are const and may be called from several threads at once.
class Dataset {
 public:
  Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;
  virtual ~Dataset() = default;

  virtual std::int64_t size() const = 0;
  virtual bool labelled() const = 0;
  // The name of the sample's outputs, without suffix.
  virtual std::string name(std::int64_t index) const = 0;
  virtual Result<imaging::Image> load_image(std::int64_t index) const = 0;
  // The image with the orientation that it was turned by, for messages.
  virtual Result<UprightImage> load_upright_image(std::int64_t index) const;
  // The image's size, from its file's header where it has one, as EXIF turns it.
  virtual Result<imaging::Extent> image_size(std::int64_t index) const;
  // Class ids, by the data set's label rule; empty in a split without labels. Errors name file and pixel.
  virtual Result<imaging::LabelMap> load_label(std::int64_t index) const = 0;

  // Image and label, of equal size.
  virtual Result<Sample> load(std::int64_t index) const;
  std::vector<std::string> names() const;
};

// The split of a data set. `data_root` is the user's choice; see find_data_root.
Result<std::unique_ptr<Dataset>> open_dataset(const Descriptor& descriptor, const std::string& split,
                                              const std::optional<std::filesystem::path>& data_root);

// Where a data set's files are: the given folder; else the first that exists of $GRAPHRUN_DATA/NAME, the
// descriptor's data_root and ./data/NAME. The error says what was looked for, and how to give it.
Result<std::filesystem::path> find_data_root(const Descriptor& descriptor,
                                             const std::optional<std::filesystem::path>& data_root);

// The layouts of a split; the error lists the splits that there are.
Result<std::span<const Split>> find_split(const Descriptor& descriptor, const std::string& split);

// A split's files, by the first of its layouts whose list or folder exists.
struct SplitFiles {
  bool labelled = true;
  Split layout;
  std::filesystem::path root;    // that the layout's paths are relative to
  std::filesystem::path source;  // the list file or the folder of images
  std::vector<SamplePath> samples;
};
// not_found where no layout's list or folder exists: says which were looked for. Precondition: the samples
// are not generated.
Result<SplitFiles> find_split_files(const Descriptor& descriptor, const std::string& split,
                                    const std::optional<std::filesystem::path>& data_root);

}  // namespace graphrun::datasets
