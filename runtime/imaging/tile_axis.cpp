#include "runtime/imaging/tile_axis.h"

#include <algorithm>

namespace graphrun::imaging {

std::vector<TileSpan> tile_spans(const SlideAxis& axis, std::int64_t crops) {
  const std::int64_t count = std::ssize(axis.starts);
  const auto start = [&](std::int64_t i) { return axis.starts[static_cast<std::size_t>(i)]; };
  std::vector<TileSpan> spans;
  std::int64_t kept = 0;
  for (std::int64_t first = 0; kept < axis.extent;) {
    const std::int64_t last = std::min(first + std::max(crops, kFewestCrops) - 1, count - 1);
    TileSpan span;
    span.read_begin = std::max<std::int64_t>(0, start(first));
    span.read_end = std::min(axis.extent, start(last) + axis.crop);
    span.keep_begin = kept;
    span.keep_end = kept = last == count - 1 ? axis.extent : start(last + 1);
    spans.push_back(span);
    // The next window begins with the last crop before which nothing reaches into what it keeps.
    for (first = last + 1; first > 0 && first < count && start(first - 1) + axis.crop > kept;) --first;
  }
  return spans;
}

std::int64_t crops_within(const SlideAxis& axis, std::int64_t pixels) {
  const std::int64_t stride = axis.starts.size() > 1 ? axis.starts[1] - axis.starts[0] : axis.crop;
  return std::max<std::int64_t>(1, (pixels - axis.crop) / std::max<std::int64_t>(stride, 1) + 1);
}

}  // namespace graphrun::imaging
