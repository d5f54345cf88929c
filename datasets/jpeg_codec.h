#pragma once

#include <string_view>

#include "datasets/image_header.h"
#include "datasets/sample.h"

namespace graphrun::datasets {

// A JPEG of 8 bits, of any kind that libjpeg knows: grey, YCbCr, RGB, CMYK and YCCK as Adobe stores them
// (inverted), by Huffman or arithmetic coding. Not turned by its orientation. Errors: unsupported for what
// libjpeg does not know; invalid_file for a file that is cut off or damaged, even where most of it could be
// shown.
Result<imaging::Image> decode_jpeg(std::string_view file, const ImageHeader& header);

}  // namespace graphrun::datasets
