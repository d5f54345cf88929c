#pragma once

#include <cstdint>
#include <vector>

#include "runtime/imaging/slide_grid.h"

namespace graphrun::imaging {

// One side of a window: a part [read_begin, read_end) of the image that, slid over for itself, has the same
// crops as the whole image has there, and of that the part [keep_begin, keep_end) that no other crop sees.
struct TileSpan {
  std::int64_t read_begin = 0;
  std::int64_t read_end = 0;
  std::int64_t keep_begin = 0;
  std::int64_t keep_end = 0;
};

inline constexpr std::int64_t kFewestCrops = 3;  // of a window's side; fewer would not get on

// Windows of at most `crops` crops a side (kFewestCrops at least; one more at the end where the rest is too
// little). The parts that are kept follow each other and fill the axis; what windows read overlaps, for crops
// that two of them need are computed by both.
std::vector<TileSpan> tile_spans(const SlideAxis& axis, std::int64_t crops);

// As many crops as sides of so many pixels have.
std::int64_t crops_within(const SlideAxis& axis, std::int64_t pixels);

}  // namespace graphrun::imaging
