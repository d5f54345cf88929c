#pragma once

#include <cstdint>
#include <functional>

#include "graphrun/dtype.h"
#include "graphrun/image.h"
#include "graphrun/status.h"

// Images that are too large for memory (Labeler::label_tiled).
namespace graphrun {

// An image that is never in memory as a whole.
struct TiledImage {
  std::int64_t height = 0;    // pixels; each side has up to 2^20
  std::int64_t width = 0;     // pixels
  std::int64_t channels = 3;  // as many as the model's image has
  DType dtype = DType::u8;    // u8, or f32: the same values, not scaled
  // Writes the next `rows` rows, dense, channels side by side, to `to`: from the top of the image on, each
  // row once.
  std::function<Status(std::int64_t rows, void* to)> read;
};

// A part of such an image and its labels. The map is the callee's to take.
struct LabelWindow {
  std::int64_t top = 0;   // row of the image that is the map's first
  std::int64_t left = 0;  // column likewise
  LabelMap map;
};

// Gets the windows of an image, from the top down and in a row of windows from the left, every pixel once.
// An error that it returns ends the labelling.
using WindowSink = std::function<Status(LabelWindow window)>;

}  // namespace graphrun
