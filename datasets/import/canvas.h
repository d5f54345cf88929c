#pragma once

#include <cstdint>
#include <span>

#include "runtime/imaging/image.h"

// Figures filled on a pixel grid by the rules of Pillow's ImageDraw, with which LabelMe turns its shapes into
// pixels: coordinates are cut to whole numbers, outlines belong to the figure.
namespace graphrun::datasets {

// A label map that figures are filled on, with one class.
struct Canvas {
  imaging::LabelMap& map;
  ClassId ink = 0;
};

// Place of an image's pixel. Figures may leave the image; coordinates are within +-kFarthest.
struct GridPoint {
  int x = 0;
  int y = 0;
  bool operator==(const GridPoint&) const = default;
};
inline constexpr int kFarthest = 1 << 20;
// A polygon's limit: the work of filling grows with points times rows, and with their square.
inline constexpr std::size_t kMaxPolygonPoints = 20000;

void fill_rectangle(const Canvas& canvas, GridPoint low, GridPoint high);
// Precondition: no more than kMaxPolygonPoints.
void fill_polygon(const Canvas& canvas, std::span<const GridPoint> points);
// The ellipse that the rectangle surrounds, of at most kWidestEllipse.
inline constexpr int kWidestEllipse = 1 << 15;
void fill_ellipse(const Canvas& canvas, GridPoint low, GridPoint high);
void draw_line(const Canvas& canvas, GridPoint from, GridPoint to, int thickness);

}  // namespace graphrun::datasets
