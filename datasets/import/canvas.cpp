#include "datasets/import/canvas.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace graphrun::datasets {

namespace {

void fill_row(const Canvas& canvas, std::int64_t row, std::int64_t first, std::int64_t last) {
  if (row < 0 || row >= canvas.map.height) return;
  first = std::max<std::int64_t>(first, 0);
  last = std::min(last, canvas.map.width - 1);
  if (first > last) return;
  std::fill_n(canvas.map.ids.begin() + row * canvas.map.width + first, last - first + 1, canvas.ink);
}

// Halves go away from zero, or towards it.
int round_out(double v) { return static_cast<int>(v >= 0 ? std::floor(v + 0.5) : -std::floor(-v + 0.5)); }
int round_in(double v) { return static_cast<int>(v >= 0 ? std::ceil(v - 0.5) : -std::ceil(-v - 0.5)); }

// A side of a polygon that is not level.
struct Side {
  int x, y;  // of the point that it starts from
  int top, bottom;
  float slope;  // columns a row

  float at(int row) const { return static_cast<float>(row - y) * slope + static_cast<float>(x); }
  bool spans(int row) const { return row >= top && row <= bottom; }
  bool ends_in(int row) const { return row == top || row == bottom; }
};

Side side_of(GridPoint from, GridPoint to) {
  return {from.x, from.y, std::min(from.y, to.y), std::max(from.y, to.y),
          static_cast<float>(to.x - from.x) / static_cast<float>(to.y - from.y)};
}

struct Level {
  int y, left, right;
};

struct Sides {
  std::vector<Side> slanted;
  std::vector<Level> level;
  int top = INT32_MAX, bottom = INT32_MIN;
};

Sides sides_of(std::span<const GridPoint> points) {
  Sides sides;
  const auto add = [&](GridPoint from, GridPoint to) {
    sides.top = std::min({sides.top, from.y, to.y});
    sides.bottom = std::max({sides.bottom, from.y, to.y});
    if (from.y == to.y) {
      sides.level.push_back({from.y, std::min(from.x, to.x), std::max(from.x, to.x)});
    } else {
      sides.slanted.push_back(side_of(from, to));
    }
  };
  for (std::size_t i = 0; i + 1 < points.size(); ++i) add(points[i], points[i + 1]);
  if (points.back() != points.front()) add(points.back(), points.front());
  return sides;
}

// Where the side with this index meets another in a flat corner, one row's crossings lie far from the next
// row's: the crossing then moves to just beside them, so that the corner hangs together.
float joined_to_corner(const std::vector<Side>& sides, std::size_t index, int row, float crossing) {
  const Side& side = sides[index];
  for (std::size_t k = 0; k < index; ++k) {
    const Side& other = sides[k];
    if (!other.ends_in(row) || other.slope == 0 || std::round(crossing) != std::round(other.at(row)))
      continue;
    const int beside = row == side.bottom ? row - 1 : row + 1;
    if (!other.spans(beside)) continue;
    const float mine = side.at(beside), others = other.at(beside);
    if (crossing > mine + 1 && crossing > others + 1) return std::round(std::max(mine, others)) + 1;
    if (crossing < mine - 1 && crossing < others - 1) return std::round(std::min(mine, others)) - 1;
    return crossing;
  }
  return crossing;
}

}  // namespace

void fill_rectangle(const Canvas& canvas, GridPoint low, GridPoint high) {
  const int first = std::max(low.y, 0);
  const int last = static_cast<int>(std::min<std::int64_t>(high.y, canvas.map.height - 1));
  for (int row = first; row <= last; ++row) fill_row(canvas, row, low.x, high.x);
}

// Between the first and second crossing of a row with the sides, the third and fourth, ... Both ends of a
// side count, the lower one twice (but in the last row), which keeps their number even.
void fill_polygon(const Canvas& canvas, std::span<const GridPoint> points) {
  if (points.empty()) return;
  const Sides sides = sides_of(points);
  for (const Level& level : sides.level) fill_row(canvas, level.y, level.left, level.right);
  const int last = static_cast<int>(std::min<std::int64_t>(std::max(sides.bottom, 0), canvas.map.height));
  std::vector<float> crossings;
  for (int row = std::max(sides.top, 0); row <= last; ++row) {
    crossings.clear();
    for (std::size_t i = 0; i < sides.slanted.size(); ++i) {
      const Side& side = sides.slanted[i];
      if (!side.spans(row)) continue;
      const float crossing = side.at(row);
      if (row == side.bottom && row < last) {
        crossings.insert(crossings.end(), 2, crossing);
      } else if (side.ends_in(row) && side.slope != 0) {
        crossings.push_back(joined_to_corner(sides.slanted, i, row, crossing));
      } else {
        crossings.push_back(crossing);
      }
    }
    std::ranges::sort(crossings);
    for (std::size_t i = 1; i < crossings.size(); i += 2)
      fill_row(canvas, row, round_out(crossings[i - 1]), round_in(crossings[i]));
  }
}

// On a grid of half pixels whose origin is the centre, a quarter of the outline is walked from its rightmost
// point up: each step goes to that of the three next points which deviates least from the ellipse. The first
// point of a row is its widest.
void fill_ellipse(const Canvas& canvas, GridPoint low, GridPoint high) {
  const std::int64_t a = std::int64_t{high.x} - low.x, b = std::int64_t{high.y} - low.y;
  if (a < 0 || b < 0 || a + b == 0) return;
  const auto deviation = [&](std::int64_t x, std::int64_t y) {
    return std::llabs(a * a * y * y + b * b * x * x - a * a * b * b);
  };
  // Rows beyond the farther edge of the map are of no more interest.
  const std::int64_t center = low.y + b / 2;
  const std::int64_t farthest = 2 * std::max(std::llabs(center), std::llabs(canvas.map.height - center)) + 2;
  std::int64_t x = a, y = b % 2, row = -1;
  while (y <= farthest) {
    if (y != row) {
      row = y;
      for (const std::int64_t side : {-y, y})
        fill_row(canvas, low.y + (side + b) / 2, low.x + (a - x) / 2, low.x + (a + x) / 2);
    }
    if (x == a % 2 && y == b) return;
    std::int64_t next_x = x, next_y = y + 2, least = deviation(x, y + 2);
    if (x > 1) {
      if (const std::int64_t slanted = deviation(x - 2, y + 2); least > slanted)
        next_x = x - 2, least = slanted;
      if (least > deviation(x - 2, y)) next_x = x - 2, next_y = y;
    }
    x = next_x, y = next_y;
  }
}

void draw_line(const Canvas& canvas, GridPoint from, GridPoint to, int thickness) {
  const int dx = to.x - from.x, dy = to.y - from.y;
  if (dx == 0 && dy == 0) return fill_row(canvas, from.y, from.x, from.x);
  // The thickness divided on both sides of the line; of an even one, one side has more.
  const double length = std::hypot(dx, dy), half = (thickness - 1) / 2.0;
  const double more = round_out(half) / length, less = round_in(half) / length;
  const int left = round_in(less * dy), right = round_in(more * dy);
  const int below = round_in(more * dx), above = round_in(less * dx);
  const GridPoint corners[] = {{from.x - left, from.y + below},
                               {to.x - left, to.y + below},
                               {to.x + right, to.y - above},
                               {from.x + right, from.y - above}};
  fill_polygon(canvas, corners);
}

}  // namespace graphrun::datasets
