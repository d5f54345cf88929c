#include "training/evaluation/boundary.h"

#include <algorithm>
#include <cmath>

#include "runtime/imaging/image.h"

namespace graphrun::training {
namespace {

// 1 for each pixel of a row whose neighbours up to `distance` to both sides are in the row and alike.
void mark_runs(const ClassId* ids, std::int64_t width, std::int64_t distance, std::uint8_t* alike) {
  std::fill_n(alike, width, 0);
  for (std::int64_t begin = 0; begin < width;) {
    std::int64_t end = begin + 1;
    while (end < width && ids[end] == ids[begin]) ++end;
    if (end - begin > 2 * distance) std::fill(alike + begin + distance, alike + end - distance, 1);
    begin = end;
  }
}

// A pixel is of no boundary where all pixels of the square around it are in the image and alike: where its
// row and `distance` rows above and below are so along themselves, and alike in its column.
void find_boundary(const ClassId* ids, std::int64_t height, std::int64_t width, std::int64_t distance,
                   std::vector<std::uint8_t>& row_alike, std::vector<std::int32_t>& rows_alike,
                   std::vector<std::uint8_t>& on_boundary) {
  const auto columns = static_cast<std::size_t>(width);
  row_alike.assign(columns, 0);
  rows_alike.assign(columns, 0);
  on_boundary.assign(static_cast<std::size_t>(height * width), 1);
  const auto square = static_cast<std::int32_t>(2 * distance + 1);
  for (std::int64_t y = 0; y < height; ++y) {
    const ClassId* const row = ids + y * width;
    const ClassId* const above = y == 0 ? row : row - width;
    mark_runs(row, width, distance, row_alike.data());
    for (std::size_t x = 0; x < columns; ++x) {
      const std::int32_t before = row[x] == above[x] ? rows_alike[x] : 0;
      rows_alike[x] = row_alike[x] != 0 ? before + 1 : 0;
    }
    if (y < 2 * distance) continue;
    std::uint8_t* const middle = on_boundary.data() + (y - distance) * width;
    for (std::size_t x = 0; x < columns; ++x) middle[x] = rows_alike[x] >= square ? 0 : 1;
  }
}

}  // namespace

std::int64_t boundary_distance(std::int64_t height, std::int64_t width) {
  const double diagonal = std::sqrt(static_cast<double>(height * height + width * width));
  return std::max<std::int64_t>(1, std::llrint(kBoundaryShare * diagonal));
}

void BoundaryCounter::count(const LabelMap& prediction, const LabelMap& label,
                            const ImageCounts::Row<std::int64_t>& row) {
  const std::int64_t height = label.height, width = label.width;
  const std::int64_t distance = boundary_distance(height, width);
  masked_ = prediction.ids;
  for (std::size_t i = 0; i < masked_.size(); ++i) {
    if (label.ids[i] == imaging::kIgnoredClass) masked_[i] = imaging::kIgnoredClass;
  }
  find_boundary(label.ids.data(), height, width, distance, alike_, rows_alike_, on_label_);
  find_boundary(masked_.data(), height, width, distance, alike_, rows_alike_, on_prediction_);
  const std::size_t classes = row.boundary_unions.size();
  for (std::size_t i = 0; i < masked_.size(); ++i) {
    const std::size_t wanted = on_label_[i] != 0 ? label.ids[i] : classes;
    const std::size_t found = on_prediction_[i] != 0 ? masked_[i] : classes;
    if (wanted < classes) ++row.boundary_unions[wanted];
    if (found >= classes) continue;
    if (found == wanted) {
      ++row.boundary_intersections[found];
    } else {
      ++row.boundary_unions[found];
    }
  }
}

}  // namespace graphrun::training
