#pragma once

#include <cstdint>
#include <string_view>

#include "graphrun/status.h"

namespace graphrun::datasets {

enum class ImageFormat { png, jpeg, bmp, pnm };

// The kind of a PNG's pixels, numbered as in the file (PNG specification, 11.2.2).
enum class PngColor : std::uint8_t { gray = 0, rgb = 2, palette = 3, gray_alpha = 4, rgb_alpha = 6 };

struct ImageHeader {
  ImageFormat format = ImageFormat::png;
  std::int64_t height = 0;  // as stored: before any EXIF rotation
  std::int64_t width = 0;
  bool oriented = false;  // a JPEG's EXIF orientation changes the pixels' places when it is decoded,
  bool turned = false;    // and exchanges height and width
  int bit_depth = 8;      // PNG only
  PngColor color = PngColor::rgb;
};

// Size and kind of an image from its first bytes, before anything is decoded. `file` is the whole file.
// Errors (invalid_file): not one of the formats, a broken header, a size of 0 or more than kMaxPixels.
Result<ImageHeader> read_image_header(std::string_view file);

}  // namespace graphrun::datasets
