#pragma once

#include <optional>
#include <string_view>

#include "datasets/image_header.h"
#include "datasets/sample.h"

namespace graphrun::datasets {

// A JPEG as cameras and data sets have it, decoded as OpenCV decodes it: 8 bits, colour or grey, upright.
// Empty for other kinds and for whatever is wrong with the file: the general codecs have the word then.
std::optional<imaging::Image> decode_plain_jpeg(std::string_view file, const ImageHeader& header);

}  // namespace graphrun::datasets
