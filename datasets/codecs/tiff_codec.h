#pragma once

#include <string>

#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// Whether a file begins as a TIFF file does.
bool is_tiff(const std::string& file);

// The first picture of a TIFF file in memory as 8-bit RGB without transparency, as stored: not turned by its
// orientation. False and a reason for a file that is cut off or damaged, and for pixels that are no picture's
// (floating point).
bool decode_tiff(const std::string& file, imaging::Image& image, std::string& reason);

}  // namespace graphrun::datasets
