#include "runtime/imaging/slide_grid.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "graphrun/kernel/attributes.h"

namespace graphrun::imaging {
namespace {

std::string text_of(const Extent& size) {
  return std::to_string(size.width) + " x " + std::to_string(size.height);
}

}  // namespace

Extent scaled_extent(const Extent& image, double scale, std::int64_t base_size) {
  const bool upright = image.height > image.width;
  const double from = static_cast<double>(upright ? image.height : image.width);
  const double longer = std::nearbyint(scale * (base_size > 0 ? static_cast<double>(base_size) : from));
  const double shorter =
      std::nearbyint(longer / from * static_cast<double>(upright ? image.width : image.height));
  const auto pixels = [](double side) { return std::max<std::int64_t>(1, static_cast<std::int64_t>(side)); };
  if (upright) return {pixels(longer), pixels(shorter)};
  return {pixels(shorter), pixels(longer)};
}

Result<Extent> view_extent(const Extent& image, double scale, std::int64_t base_size) {
  const Extent size = scaled_extent(image, scale, base_size);
  if (size.height <= kMaxPixels / size.width) return size;
  return {ErrorCode::invalid_argument, "an image of " + text_of(image) + " pixels, with base_size " +
                                           std::to_string(base_size) + ", at scale " + number_text(scale) +
                                           " would be " + text_of(size) + ": more than " +
                                           std::to_string(kMaxPixels) + " pixels"};
}

std::vector<std::int32_t> SlideAxis::coverage() const {
  std::vector<std::int32_t> count(static_cast<std::size_t>(extent));
  for (const std::int64_t start : starts) {
    const std::int64_t end = std::min(extent, start + crop);
    for (std::int64_t i = std::max<std::int64_t>(0, start); i < end; ++i)
      ++count[static_cast<std::size_t>(i)];
  }
  return count;
}

SlideAxis slide_axis(std::int64_t extent, std::int64_t crop) {
  constexpr double kStrideRate = 2.0 / 3.0;
  const std::int64_t padding = std::max<std::int64_t>(crop - extent, 0);
  const std::int64_t padded = extent + padding;
  const auto stride = static_cast<std::int64_t>(std::ceil(static_cast<double>(crop) * kStrideRate));
  const std::int64_t crops = (padded - crop + stride - 1) / stride + 1;
  SlideAxis axis{extent, crop, {}};
  for (std::int64_t i = 0; i < crops; ++i) {
    axis.starts.push_back(std::min(i * stride, padded - crop) - padding / 2);
  }
  return axis;
}

ResizeTable mean_taps(const SlideAxis& axis, std::int64_t to) {
  ResizeTable taps = linear_taps(axis.extent, to);
  taps.divide_by(axis.coverage());
  return taps;
}

}  // namespace graphrun::imaging
