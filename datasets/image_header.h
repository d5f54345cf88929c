#pragma once

#include <cstdint>
#include <string_view>

#include "graphrun/status.h"
#include "runtime/imaging/image.h"

namespace graphrun::datasets {

enum class ImageFormat { png, jpeg, bmp, pnm, tiff, webp };

// The kind of a PNG's pixels, numbered as in the file (PNG specification, 11.2.2).
enum class PngColor : std::uint8_t { gray = 0, rgb = 2, palette = 3, gray_alpha = 4, rgb_alpha = 6 };

struct ImageHeader {
  ImageFormat format = ImageFormat::png;
  std::int64_t height = 0;  // as stored: before any EXIF orientation
  std::int64_t width = 0;
  int orientation = 1;  // datasets/orientation.h
  int bit_depth = 8;    // PNG only
  PngColor color = PngColor::rgb;
  std::int64_t file_bytes = 0;  // that a file with these pixels has at least, where that is known
};

imaging::Extent upright_size(const ImageHeader& header);

// Size and kind of an image from its headers, before anything is decoded. `file` is the whole file.
// Errors (invalid_file): not one of the formats (says what it is), a broken header, a size of 0 or more than
// kMaxPixels, a file that is shorter than its header says.
// `formats` ends the message about a file of no such format.
inline constexpr std::string_view kImageFormats = "images are PNG, JPEG, BMP, PNM, TIFF or WebP files";
Result<ImageHeader> read_image_header(std::string_view file, std::string_view formats = kImageFormats);

// What the headers say, of an image of any size; `file` may be its beginning alone.
Result<ImageHeader> parse_image_header(std::string_view file, std::string_view formats = kImageFormats);

// What a file is by its first bytes, for an error: "is empty", "is a TIFF image, ...".
std::string describe_content(std::string_view file);

}  // namespace graphrun::datasets
