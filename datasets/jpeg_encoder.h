#pragma once

#include <string>

#include "graphrun/status.h"
#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// A JPEG of the image, for people to look at; quality from 1 to 100. Error: sides that the format does not
// hold (more than 65500).
Result<std::string> encode_jpeg(const imaging::Image& image, int quality);

}  // namespace graphrun::datasets
