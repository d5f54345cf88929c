#include "datasets/dataset.h"

#include <cstdlib>

#include "datasets/image_io.h"
#include "datasets/shapes.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

class FileDataset final : public Dataset {
 public:
  FileDataset(SplitFiles files, const Descriptor& descriptor)
      : samples_(std::move(files.samples)), descriptor_(descriptor), labelled_(files.labelled) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(samples_.size()); }
  bool labelled() const override { return labelled_; }
  std::string name(std::int64_t index) const override { return at(index).name; }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    return read_image(at(index).image, descriptor_.images);
  }
  Result<UprightImage> load_upright_image(std::int64_t index) const override {
    return read_upright_image(at(index).image, descriptor_.images);
  }
  Result<imaging::Extent> image_size(std::int64_t index) const override {
    return read_image_size(at(index).image, descriptor_.images);
  }
  Result<imaging::LabelMap> load_label(std::int64_t index) const override {
    if (!labelled_) return imaging::LabelMap{};
    const std::filesystem::path& file = at(index).label;
    const LabelRule& rule = label_rule(descriptor_, file);
    GRAPHRUN_ASSIGN(const LabelImage label, read_label(file, rule.form()));
    return rule.apply(label).with_context(file.string());
  }

 private:
  const SamplePath& at(std::int64_t index) const { return samples_[static_cast<std::size_t>(index)]; }

  std::vector<SamplePath> samples_;
  Descriptor descriptor_;
  bool labelled_;
};

}  // namespace

Result<UprightImage> Dataset::load_upright_image(std::int64_t index) const {
  GRAPHRUN_ASSIGN(imaging::Image image, load_image(index));
  return UprightImage{std::move(image), 1};
}

Result<imaging::Extent> Dataset::image_size(std::int64_t index) const try {
  GRAPHRUN_ASSIGN(const imaging::Image image, load_image(index));
  return imaging::Extent{image.height, image.width};
} catch (...) {
  return core::caught();
}

Result<Sample> Dataset::load(std::int64_t index) const try {
  GRAPHRUN_ASSIGN(UprightImage read, load_upright_image(index));
  Sample sample;
  GRAPHRUN_ASSIGN(sample.label, load_label(index));
  if (labelled() && (sample.label.height != read.image.height || sample.label.width != read.image.width)) {
    return Status(ErrorCode::invalid_file,
                  name(index) + ": the image is " + size_text(read) + " but its label " +
                      std::to_string(sample.label.width) + " x " + std::to_string(sample.label.height) +
                      orientation_hint(read, {sample.label.height, sample.label.width}));
  }
  sample.image = std::move(read.image);
  return sample;
} catch (...) {
  return core::caught();
}

std::vector<std::string> Dataset::names() const {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < size(); ++i) names.push_back(name(i));
  return names;
}

namespace {

// Neither the parts that an image's files exchange nor what stands beside them may lead out of the root
// together; the first must stand below it.
Status check_files(const ImageSource& source, const std::filesystem::path& root,
                   std::span<const SamplePath> samples) {
  if (source.files.empty()) return {};
  const std::size_t above = (root / "").native().size();
  for (const SamplePath& sample : samples) {
    GRAPHRUN_ASSIGN(const auto files, files_of(sample.image.substr(above), source));
    for (const std::filesystem::path& file : files) GRAPHRUN_TRY(check_inside(file.native()));
  }
  return {};
}

}  // namespace

Result<std::span<const Split>> find_split(const Descriptor& descriptor, const std::string& split) {
  const auto found = descriptor.splits.find(split);
  if (found != descriptor.splits.end()) return std::span<const Split>(found->second);
  std::string known;
  for (const auto& [name, unused] : descriptor.splits) known += (known.empty() ? "" : ", ") + name;
  return Status(ErrorCode::not_found,
                "data set '" + descriptor.name + "' has no split '" + split + "'; it has: " + known);
}

Result<std::filesystem::path> find_data_root(const Descriptor& descriptor,
                                             const std::optional<std::filesystem::path>& data_root) {
  std::vector<std::filesystem::path> candidates;
  if (data_root) {
    candidates.push_back(*data_root);
  } else {
    if (const char* folder = std::getenv("GRAPHRUN_DATA"))
      candidates.push_back(folder / std::filesystem::path(descriptor.name));
    if (!descriptor.data_root.empty())
      candidates.push_back(descriptor.file.parent_path() / descriptor.data_root);
    candidates.push_back(std::filesystem::path("data") / descriptor.name);
  }
  std::string looked;
  std::error_code error;
  for (const auto& candidate : candidates) {
    if (std::filesystem::is_directory(candidate, error)) return candidate;
    looked += "\n  " + candidate.string();
  }
  return Status(ErrorCode::not_found,
                "the files of data set '" + descriptor.name + "' are not there; looked for the folder" +
                    looked +
                    "\nGive it with --data-root DIR, or put data sets as folders of their"
                    " names below one that the environment variable GRAPHRUN_DATA names." +
                    (descriptor.data_hint.empty() ? "" : "\n" + descriptor.data_hint));
}

Result<std::unique_ptr<Dataset>> open_dataset(const Descriptor& descriptor, const std::string& split,
                                              const std::optional<std::filesystem::path>& data_root) try {
  GRAPHRUN_ASSIGN(const auto layouts, find_split(descriptor, split));
  if (descriptor.generator) return make_generated(descriptor, layouts.front());
  GRAPHRUN_ASSIGN(auto files, find_split_files(descriptor, split, data_root));
  return std::unique_ptr<Dataset>(std::make_unique<FileDataset>(std::move(files), descriptor));
} catch (...) {
  return core::caught();
}

Result<SplitFiles> find_split_files(const Descriptor& descriptor, const std::string& split,
                                    const std::optional<std::filesystem::path>& data_root) {
  GRAPHRUN_ASSIGN(const auto layouts, find_split(descriptor, split));
  GRAPHRUN_ASSIGN(const auto folder, find_data_root(descriptor, data_root));
  std::error_code error;
  std::filesystem::path root = folder;
  for (const std::string& subfolder : descriptor.subfolders) {
    if (!std::filesystem::is_directory(folder / subfolder, error)) continue;
    root = folder / subfolder;
    break;
  }
  std::string looked;
  for (const Split& layout : layouts) {
    std::vector<std::filesystem::path> sources = {root / (layout.list.empty() ? layout.images : layout.list)};
    if (!layout.list.empty() && root != folder) sources.push_back(folder / layout.list);
    for (const auto& source : sources) {
      const bool there = layout.list.empty() ? std::filesystem::is_directory(source, error)
                                             : std::filesystem::is_regular_file(source, error);
      if (!there) {
        looked += "\n  " + source.string();
        continue;
      }
      GRAPHRUN_ASSIGN(auto samples, list_samples(layout, root, source));
      GRAPHRUN_TRY(check_files(descriptor.images, root, samples).with_context(source.string()));
      return SplitFiles{layout.labelled, layout, root, source, std::move(samples)};
    }
  }
  return Status(ErrorCode::not_found, "split '" + split + "' of data set '" + descriptor.name +
                                          "' is not there; looked for" + looked +
                                          (descriptor.data_hint.empty() ? "" : "\n" + descriptor.data_hint));
}

}  // namespace graphrun::datasets
