#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "datasets/image_source.h"
#include "graphrun/status.h"
#include "runtime/labelling/labelling.h"
#include "training/evaluation/pictures.h"

namespace graphrun::training {

struct TiledFolder {
  std::filesystem::path folder;         // of gray/, color/ and confidence/
  std::vector<imaging::Color> palette;  // of each class
  ProbabilityFiles files{};             // but for `probabilities`
};

// Rows of an image that are done, and how many there are.
using TiledProgress = std::function<void(std::int64_t, std::int64_t)>;

// Labels one image file by windows (labelling::label_tiled) and writes gray/NAME (class ids) and color/NAME
// (palette), and if asked for confidence/NAME (16 bits), row by row: of a TIFF as TIFF in tiles that lies
// where the image does, else as PNG. Errors: FileRows::open()'s; all probabilities, which are not written so.
Status label_file(const std::string& file, const datasets::ImageSource& source,
                  const labelling::Labelling& labelling, const labelling::ProtocolSettings& protocol,
                  const TiledFolder& out, const TiledProgress& progress);

}  // namespace graphrun::training
