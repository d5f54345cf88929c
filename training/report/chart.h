#pragma once

#include <string>
#include <vector>

namespace graphrun::training {

struct Point {
  double x = 0;
  double y = 0;
};

struct Series {
  std::string name;
  std::vector<Point> points;  // in the order of x; those that are not finite are left out
  bool marks = false;         // a mark at each point, which tells its value
  bool faint = false;         // scattered values, behind what others say of them
};

struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;  // at most four are told apart
  bool from_zero = true;       // the y axis begins at 0 where no value is negative
  bool square = false;         // both axes run from 0 to 1, with the diagonal
};

// A figure with a drawing (inline SVG of style sheet classes), its legend, and its course in words for those
// who do not see it; empty where no series has a point.
std::string line_chart(const Chart& chart);

// At most `most` points: means of neighbours.
std::vector<Point> thinned(const std::vector<Point>& points, std::size_t most);

// Rounds numbers of an axis, from the least to the greatest of them: steps of 1, 2 or 5 times a power of ten.
std::vector<double> ticks(double low, double high, int about);

}  // namespace graphrun::training
