#pragma once

#include <cstdint>
#include <vector>

#include "graphrun/status.h"
#include "runtime/imaging/image.h"
#include "runtime/imaging/resize_table.h"

namespace graphrun::imaging {

// An image's size at a scale: the longer side is scale * base_size, the other keeps the aspect; both rounded,
// halves to even. At least one pixel each. A base_size of 0 is the image's own longer side.
Extent scaled_extent(const Extent& image, double scale, std::int64_t base_size);
// The same. Errors: more than kMaxPixels.
Result<Extent> view_extent(const Extent& image, double scale, std::int64_t base_size);

// The crops along one axis of an image.
struct SlideAxis {
  std::int64_t extent = 0;
  std::int64_t crop = 0;
  // First pixel of each crop, ascending; negative where the image is smaller than the crop and lies in the
  // middle of it.
  std::vector<std::int64_t> starts;

  // The end of the crop before `index`: pixels from there on are new in crop `index`.
  std::int64_t end_before(std::size_t index) const {
    return index == 0 ? starts[0] : starts[index - 1] + crop;
  }
  // How many crops see each pixel.
  std::vector<std::int32_t> coverage() const;
};

// Crops lie two thirds of their size apart, rounded up; the last one is moved back inside.
SlideAxis slide_axis(std::int64_t extent, std::int64_t crop);
// Sums over crops along an axis, each pixel a sum over those that see it, become their means at size `to`.
ResizeTable mean_taps(const SlideAxis& axis, std::int64_t to);

}  // namespace graphrun::imaging
