#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "graphrun/status.h"

// Data sets of other tools, rewritten as images with PNGs of class ids and a descriptor (DataFolder).
namespace graphrun::datasets {

struct ImportRequest {
  std::filesystem::path source;
  std::filesystem::path output;
  std::string split = "train";
  std::filesystem::path images;   // folder of the images; empty: looked for beside the source
  std::filesystem::path masks;    // folder of panoptic or colour masks; empty: likewise
  std::filesystem::path classes;  // file with the classes of colours or labels; empty: those that occur
  // Images done and their number.
  std::function<void(std::int64_t, std::int64_t)> progress = [](std::int64_t, std::int64_t) {};
};

struct Imported {
  std::filesystem::path descriptor;
  std::int64_t images = 0;
  std::int64_t classes = 0;
  std::vector<std::string> notes;  // what was left out
};

// COCO: a JSON file of instances (polygons, run lengths) or of panoptic segments with their PNG folder. In
// instances, pixels of none are class 0, `background`; a later annotation covers an earlier one.
Result<Imported> import_coco(const ImportRequest& request);

// A folder of LabelMe's JSON files, or one: the shapes that LabelMe itself turns into pixels.
Result<Imported> import_labelme(const ImportRequest& request);

// A folder with images and masks in colours.
Result<Imported> import_colors(const ImportRequest& request);

}  // namespace graphrun::datasets
