#pragma once

#include <cstdint>
#include <vector>

#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// Label ids as a file stores them, before the data set's label rule.
struct LabelImage {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint16_t> ids;
  std::vector<imaging::Color> palette;  // of a palette file; the ids are its indices
};

struct Sample {
  imaging::Image image;
  imaging::LabelMap label;
};

}  // namespace graphrun::datasets
