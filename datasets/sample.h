#pragma once

#include <cstdint>
#include <vector>

#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// What the pixels of a data set's label files say: stored numbers, or colours.
enum class LabelForm { ids, colors };

// Label ids as a file stores them, before the data set's label rule.
struct LabelImage {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint16_t> ids;
  // Colours of a palette file or colour mask (a palette file may be one as well): the ids are its indices.
  std::vector<imaging::Color> palette;
};

struct Sample {
  imaging::Image image;
  imaging::LabelMap label;
};

}  // namespace graphrun::datasets
