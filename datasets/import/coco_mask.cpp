#include "datasets/import/coco_mask.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace graphrun::datasets {

namespace {

constexpr double kScale = 5;  // the outline is walked on a grid so much finer

struct Point {
  std::int64_t x = 0, y = 0;  // the widest image's exceed 32 bits
};

// As COCO's own masks are rounded: towards zero after the half, where lround differs below zero.
std::int64_t rounded(double value) {
  return static_cast<std::int64_t>(value + 0.5);  // NOLINT(bugprone-incorrect-roundings)
}

// The outline as points of the fine grid, one for each step along the longer direction of a side.
template <class Visit>
void walk_side(Point from, Point to, Visit&& visit) {
  const std::int64_t dx = std::abs(to.x - from.x), dy = std::abs(to.y - from.y);
  const bool level = dx >= dy;
  const std::int64_t steps = level ? dx : dy;
  if (steps == 0) return visit(from);
  // Points in between are rounded alike whichever way the side is walked.
  const bool backwards = level ? from.x > to.x : from.y > to.y;
  const Point low = backwards ? to : from, high = backwards ? from : to;
  const double slope =
      static_cast<double>(level ? high.y - low.y : high.x - low.x) / static_cast<double>(steps);
  for (std::int64_t i = 0; i <= steps; ++i) {
    const std::int64_t step = backwards ? steps - i : i;
    const std::int64_t across =
        rounded(static_cast<double>(level ? low.y : low.x) + slope * static_cast<double>(step));
    visit(level ? Point{low.x + step, across} : Point{across, low.y + step});
  }
}

// Places are counted down the columns, one after the other.
void fill_places(const Canvas& canvas, std::int64_t place, std::int64_t end) {
  const std::int64_t height = canvas.map.height, width = canvas.map.width;
  while (place < end) {
    const std::int64_t column = place / height, row = place % height;
    const std::int64_t below = std::min(row + end - place, height);
    auto pixel = canvas.map.ids.begin() + row * width + column;
    for (std::int64_t y = row; y < below; ++y) {
      *pixel = canvas.ink;
      if (y + 1 < below) pixel += width;
    }
    place += below - row;
  }
}

// Where the outline crosses the middle of a pixel column, inside and outside change from there downwards.
class Crossings {
 public:
  explicit Crossings(const imaging::LabelMap& map) : height_(map.height), width_(map.width) {}

  void visit(Point point) {
    if (any_ && point.x != before_.x) cross(std::min(point.x, before_.x), std::min(point.y, before_.y));
    any_ = true;
    before_ = point;
  }

  void fill(const Canvas& canvas) {
    std::ranges::sort(changes_);
    // By column-wise places; a place that occurs twice changes nothing.
    for (std::size_t i = 0; i < changes_.size(); i += 2) {
      const std::int64_t end = i + 1 < changes_.size() ? changes_[i + 1] : height_ * width_;
      fill_places(canvas, changes_[i], end);
    }
  }

 private:
  void cross(std::int64_t fine_x, std::int64_t fine_y) {
    const double x = (static_cast<double>(fine_x) + 0.5) / kScale - 0.5;
    if (std::floor(x) != x || x < 0 || x > static_cast<double>(width_ - 1)) return;
    const double y =
        std::clamp((static_cast<double>(fine_y) + 0.5) / kScale - 0.5, 0.0, static_cast<double>(height_));
    const std::int64_t place =
        static_cast<std::int64_t>(x) * height_ + static_cast<std::int64_t>(std::ceil(y));
    changes_.push_back(place);
  }

  std::int64_t height_, width_;
  Point before_;
  bool any_ = false;
  std::vector<std::int64_t> changes_;
};

}  // namespace

Status fill_coco_polygon(const Canvas& canvas, std::span<const double> points) {
  if (points.size() % 2 != 0 || points.size() < 6)
    return {ErrorCode::invalid_file, "a polygon needs three points of two numbers"};
  if (points.size() > 2 * kMaxPolygonPoints) {
    return {ErrorCode::invalid_file,
            "a polygon of more than " + std::to_string(kMaxPolygonPoints) + " points"};
  }
  const auto w = static_cast<double>(canvas.map.width), h = static_cast<double>(canvas.map.height);
  const double reach = std::max(w, h);
  std::vector<Point> fine;
  for (std::size_t i = 0; i < points.size(); i += 2) {
    const double x = points[i], y = points[i + 1];
    if (!(x >= -reach && x <= w + reach && y >= -reach && y <= h + reach))  // nor NaN
      return {ErrorCode::invalid_file, "a polygon's point lies far outside the image"};
    fine.push_back({rounded(kScale * x), rounded(kScale * y)});
  }
  Crossings crossings(canvas.map);
  for (std::size_t i = 0; i < fine.size(); ++i)
    walk_side(fine[i], fine[(i + 1) % fine.size()], [&](Point point) { crossings.visit(point); });
  crossings.fill(canvas);
  return {};
}

Status fill_runs(const Canvas& canvas, std::span<const std::uint32_t> runs) {
  const auto pixels = static_cast<std::int64_t>(canvas.map.ids.size());
  std::int64_t place = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::int64_t end = place + runs[i];
    if (end > pixels) return {ErrorCode::invalid_file, "runs of more pixels than the image has"};
    if (i % 2 == 1) fill_places(canvas, place, end);
    place = end;
  }
  if (place == pixels) return {};
  return {ErrorCode::invalid_file, "runs of fewer pixels than the image has"};
}

// Each number has characters of five bits, lowest first, from '0' on; 32 says that more follow, the highest
// data bit of the last is the sign. From the fourth on, a number is the difference to that before the last.
Result<std::vector<std::uint32_t>> decompress_runs(std::string_view text, std::int64_t pixels) {
  constexpr int kBits = 5, kMore = 32, kSign = 16, kMaxCharacters = 7;
  std::vector<std::uint32_t> runs;
  const Status broken(ErrorCode::invalid_file, "a broken compressed run-length encoding");
  for (std::size_t at = 0; at < text.size();) {
    std::int64_t number = 0;
    for (int i = 0;; ++i) {
      const int bits = at < text.size() ? text[at++] - '0' : -1;
      if (bits < 0 || bits > 63 || i == kMaxCharacters) return broken;
      number |= std::int64_t{bits & (kMore - 1)} << (kBits * i);
      if ((bits & kMore) != 0) continue;
      if ((bits & kSign) != 0) number -= std::int64_t{1} << (kBits * (i + 1));
      break;
    }
    if (runs.size() > 2) number += runs[runs.size() - 2];
    if (number < 0 || number > pixels) return broken;
    runs.push_back(static_cast<std::uint32_t>(number));
  }
  return runs;
}

}  // namespace graphrun::datasets
