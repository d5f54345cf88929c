#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/imaging/image_form.h"
#include "runtime/labelling/labelling.h"

namespace graphrun::training {

struct TiledFolder {
  std::filesystem::path folder;         // of gray/ and color/
  std::vector<imaging::Color> palette;  // of each class
};

// Rows of an image that are done, and how many there are.
using TiledProgress = std::function<void(std::int64_t, std::int64_t)>;

// Labels one image file by windows (labelling::label_tiled) and writes gray/NAME (class ids) and color/NAME
// (palette) row by row: of a TIFF as TIFF in tiles that lies where the image does, else as PNG. Errors: a
// file that is no TIFF, PNG or JPEG of the form, that is turned by an orientation, or whose rows do not come
// in their order.
Status label_file(const std::string& file, const imaging::ImageForm& form,
                  const labelling::Labelling& labelling, const labelling::ProtocolSettings& protocol,
                  const TiledFolder& out, const TiledProgress& progress);

}  // namespace graphrun::training
