#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "datasets/sample.h"
#include "runtime/core/status.h"

namespace graphrun {

std::vector<Color> class_colors(std::span<const ClassInfo> classes);

// Writes label maps as pictures: gray/NAME.png (class ids), color/NAME.png (palette) and overlay/NAME.png
// (colours over the image).
class PictureWriter {
 public:
  // Makes the folders.
  static Result<PictureWriter> create(const std::filesystem::path& folder, std::vector<Color> palette);
  // Precondition: image and map are of equal size.
  Status write(const std::string& name, const Image& image, const LabelMap& map) const;

 private:
  PictureWriter(std::filesystem::path folder, std::vector<Color> palette)
      : folder_(std::move(folder)), palette_(std::move(palette)) {}
  std::filesystem::path folder_;
  std::vector<Color> palette_;
};

}  // namespace graphrun
