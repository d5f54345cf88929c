#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "training/evaluation/image_counts.h"

// per_image.csv (RFC 4180): a line an image with name, pixels (labelled ones), correct, mIoU over the classes
// that occur in the image, aAcc, confidence (the mean; empty where none was computed), and of each class
// intersection_C and union_C, with boundaries boundary_intersection_C and boundary_union_C.
namespace graphrun::training {

struct ImageNamesAndCounts {
  std::vector<std::string> names;
  ImageCounts counts{0, 0, false};
  std::vector<double> confidences;  // not a number where none was computed
};

// Precondition: as many names as images.
std::string per_image_csv(std::span<const std::string> names, const ImageCounts& counts);

// Names, intersections, unions and confidences, in the file's order; other columns are passed over. Errors:
// not_found, io, invalid_file.
Result<ImageNamesAndCounts> read_per_image(const std::filesystem::path& path);

}  // namespace graphrun::training
