#include "datasets/import/labelme_shapes.h"

#include <algorithm>
#include <cmath>

#include "datasets/png_codec.h"

namespace graphrun::datasets {

namespace {

Status expected_points(const std::string& type, const char* count) {
  return {ErrorCode::invalid_file, "a shape '" + type + "' has " + count};
}

// Cut, not rounded.
GridPoint cut(double x, double y) { return {static_cast<int>(x), static_cast<int>(y)}; }

Status fill_circle(const Canvas& canvas, double x, double y, double radius) {
  // The walk along the outline takes as long as that is, however little of it the image shows.
  const double widest =
      std::min<double>(kWidestEllipse, 4 * static_cast<double>(canvas.map.height + canvas.map.width));
  if (2 * radius > widest) return {ErrorCode::invalid_file, "a circle that is too large"};
  fill_ellipse(canvas, cut(x - radius, y - radius), cut(x + radius, y + radius));
  return {};
}

// A picture of the part between two corners; what of it is not zero belongs to the shape.
Status fill_mask(const Canvas& canvas, const Json& shape, GridPoint low, GridPoint high) {
  GRAPHRUN_ASSIGN(const std::string text, text_field(shape, "mask"));
  GRAPHRUN_ASSIGN(const std::string png, decode_base64(text));
  GRAPHRUN_ASSIGN(const LabelImage mask, decode_label_png(png).with_context("'mask'"));
  if (mask.height != high.y - low.y + 1 || mask.width != high.x - low.x + 1)
    return {ErrorCode::invalid_file, "'mask' is of another size than its points say"};
  if (low.x < 0 || low.y < 0 || high.x >= canvas.map.width || high.y >= canvas.map.height)
    return {ErrorCode::invalid_file, "'mask' leaves the image"};
  for (std::int64_t i = 0; i < mask.height * mask.width; ++i) {
    if (mask.ids[static_cast<std::size_t>(i)] == 0) continue;
    const std::int64_t pixel = (low.y + i / mask.width) * canvas.map.width + low.x + i % mask.width;
    canvas.map.ids[static_cast<std::size_t>(pixel)] = canvas.ink;
  }
  return {};
}

}  // namespace

Status fill_labelme_shape(const Canvas& canvas, const Json& shape) {
  constexpr int kLineThickness = 10;
  constexpr double kPointRadius = 5;
  std::string type = "polygon";
  if (const Json* const given = find_field(shape, "shape_type"); given != nullptr && !given->IsNull()) {
    GRAPHRUN_ASSIGN(type, text_field(shape, "shape_type"));
  }
  GRAPHRUN_ASSIGN(const std::vector<double> p, points_field(shape, "points", kFarthest / 2.0));
  std::vector<GridPoint> points;
  for (std::size_t i = 0; i < p.size(); i += 2) points.push_back(cut(p[i], p[i + 1]));
  if (points.size() > kMaxPolygonPoints) return expected_points(type, "too many points");
  const bool strip = type == "linestrip";
  if (type == "polygon" || type == "oriented_rectangle") {
    if (points.size() < 3) return expected_points(type, "at least three points");
    fill_polygon(canvas, points);
  } else if (type == "line" || strip) {
    if (strip ? points.size() < 2 : points.size() != 2)
      return expected_points(type, strip ? "at least two points" : "two points");
    for (std::size_t i = 1; i < points.size(); ++i)
      draw_line(canvas, points[i - 1], points[i], kLineThickness);
  } else if (type == "point") {
    if (points.size() != 1) return expected_points(type, "one point");
    return fill_circle(canvas, p[0], p[1], kPointRadius);
  } else if (type == "rectangle" || type == "circle" || type == "mask") {
    if (points.size() != 2) return expected_points(type, "two points");
    if (type == "circle") return fill_circle(canvas, p[0], p[1], std::hypot(p[0] - p[2], p[1] - p[3]));
    if (type == "mask") return fill_mask(canvas, shape, points[0], points[1]);
    fill_rectangle(canvas, {std::min(points[0].x, points[1].x), std::min(points[0].y, points[1].y)},
                   {std::max(points[0].x, points[1].x), std::max(points[0].y, points[1].y)});
  } else {
    return {ErrorCode::invalid_file, "shapes of type '" + type + "' have no pixels"};
  }
  return {};
}

Result<std::string> decode_base64(std::string_view text) {
  const auto value = [](char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
  };
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    if (c == '=') break;
    if (c == '\n' || c == '\r') continue;
    const int six = value(c);
    if (six < 0) return Status(ErrorCode::invalid_file, "expected base64 text");
    bits = bits << 6 | static_cast<std::uint32_t>(six);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 0xFF));
  }
  return bytes;
}

}  // namespace graphrun::datasets
