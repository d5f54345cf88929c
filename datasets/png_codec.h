#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "datasets/image_header.h"
#include "datasets/sample.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// The stored grey values or palette indices of a PNG in memory, upright (see read_label).
Result<LabelImage> decode_label_png(std::string_view file);

// Red, green and blue are the same in every pixel: a grey picture, or ids that a program saved as RGB.
bool has_equal_channels(const imaging::Image& image);

// A PNG of any kind as 8-bit RGB without transparency; not turned by its orientation. Errors: a file that is
// cut off, a checksum that is wrong, in parts beside the pixels too.
Result<imaging::Image> decode_png(std::string_view file, const ImageHeader& header);

// An 8-bit PNG: `pixels` has height * width bytes (gray, palette) or three times as many (rgb).
// A palette has 256 entries in the file; those not given are black.
Result<std::string> encode_png(std::span<const std::uint8_t> pixels, std::int64_t height, std::int64_t width,
                               PngColor color, std::span<const imaging::Color> palette);
// A grey PNG of 16 bits: `pixels` has height * width numbers.
Result<std::string> encode_wide_png(std::span<const std::uint16_t> pixels, std::int64_t height,
                                    std::int64_t width);

}  // namespace graphrun::datasets
