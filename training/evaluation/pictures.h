#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "datasets/sample.h"
#include "graphrun/status.h"

namespace graphrun::training {

std::vector<imaging::Color> class_colors(std::span<const datasets::ClassInfo> classes);
// The label id of each class, as results are submitted. Errors: one beyond 8 bits.
Result<std::vector<std::uint8_t>> class_label_ids(const datasets::LabelRule& rule);

// Writes label maps as pictures: gray/NAME.png (class ids), color/NAME.png (palette) and overlay/NAME.png
// (colours over the image); and label/NAME.png in the data set's own label ids, if asked for.
class PictureWriter {
 public:
  // Makes the folders. `label_ids`: of each class, or empty.
  static Result<PictureWriter> create(const std::filesystem::path& folder,
                                      std::vector<imaging::Color> palette,
                                      std::vector<std::uint8_t> label_ids = {});
  // From now on write_sheet() writes. Makes the folder.
  Status begin_sheets(std::vector<datasets::ClassInfo> classes);
  // sheet/NAME.jpg: image, prediction, and where there is a label (not empty) that and the errors, with a
  // legend; nothing before begin_sheets(). Precondition: equal sizes.
  Status write_sheet(const std::string& name, const imaging::Image& image, const imaging::LabelMap& label,
                     const imaging::LabelMap& map) const;
  // Precondition: image and map are of equal size.
  Status write(const std::string& name, const imaging::Image& image, const imaging::LabelMap& map) const;

 private:
  PictureWriter(std::filesystem::path folder, std::vector<imaging::Color> palette,
                std::vector<std::uint8_t> label_ids)
      : folder_(std::move(folder)), palette_(std::move(palette)), label_ids_(std::move(label_ids)) {}
  std::filesystem::path folder_;
  std::vector<imaging::Color> palette_;
  std::vector<datasets::ClassInfo> sheet_classes_;  // empty: no sheets
  std::vector<std::uint8_t> label_ids_;
};

}  // namespace graphrun::training
