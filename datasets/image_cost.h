#pragma once

#include <string>

#include "datasets/image_header.h"

// What decoding a file may cost is bounded by the file, before any decoder sees it.
namespace graphrun::datasets {

inline constexpr int kMaxScans = 500;  // of a JPEG

// Refuses images that no file of this size can hold, and JPEG files of so many scans that each pixel would be
// visited for minutes; takes compressed texts and colour profiles, which no decoder here uses and which may
// grow a thousandfold, out of a PNG that has many of them. Damage that a decoder finds is left to it.
Status limit_image_cost(std::string& file, const ImageHeader& header);

}  // namespace graphrun::datasets
