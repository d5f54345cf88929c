#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "datasets/sample.h"

// How a camera was held (EXIF 2.3, tag 0x112): 1 is upright, 2 to 4 mirror or turn by a half, 5 to 8 exchange
// the sides.
namespace graphrun::datasets {

inline constexpr int kUpright = 1;

inline bool exchanges_sides(int orientation) { return orientation >= 5; }

// The orientation in EXIF data, with or without the prefix that JPEG has before it; kUpright where there is
// none, or none of the eight.
int exif_orientation(std::string_view exif);

// The pixels as they are to be looked at.
imaging::Image upright(imaging::Image image, int orientation);
LabelImage upright(LabelImage label, int orientation);

}  // namespace graphrun::datasets
