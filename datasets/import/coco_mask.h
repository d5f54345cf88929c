#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "datasets/import/canvas.h"
#include "graphrun/status.h"

// Segments as COCO's annotations hold them, turned into pixels as COCO's own tool does.
namespace graphrun::datasets {

// x0, y0, x1, y1, ... in pixels; filled on the canvas. Errors: fewer than three points, more than
// kMaxPolygonPoints, one that is farther from the image than its longer side.
Status fill_coco_polygon(const Canvas& canvas, std::span<const double> points);

// Lengths of runs down the columns, in turn of pixels outside and inside. Errors: they are not as many pixels
// as the canvas has.
Status fill_runs(const Canvas& canvas, std::span<const std::uint32_t> runs);

// The lengths in the text of a compressed run-length encoding, of an image of so many pixels.
Result<std::vector<std::uint32_t>> decompress_runs(std::string_view text, std::int64_t pixels);

}  // namespace graphrun::datasets
