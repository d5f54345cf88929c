#pragma once

#include <filesystem>
#include <span>

#include "datasets/sample.h"
#include "graphrun/status.h"

// Reading images and labels, writing label maps and overlays. Errors name the file.
namespace graphrun::datasets {

// PNG, JPEG, BMP or PNM as 8-bit RGB, turned as its EXIF orientation says.
Result<imaging::Image> read_image(const std::filesystem::path& path);

// An image's size as its header says, before any EXIF orientation; nothing is decoded.
Result<imaging::Extent> read_image_size(const std::filesystem::path& path);

// A PNG of 1, 2, 4, 8 or 16 bits grey, or of palette indices: the stored numbers themselves, never colours or
// scaled greys. A colour picture is an error that says so.
Result<LabelImage> read_label(const std::filesystem::path& path);

// Ids as a grey PNG: of 8 bits, with 255 for kIgnoredClass, or of 16 where there are more than
// imaging::kMaxByteClasses classes. Errors: an id that 8 bits do not hold.
Status write_gray_png(const std::filesystem::path& path, const imaging::LabelMap& map,
                      std::int64_t classes = imaging::kMaxByteClasses);
// Class ids as an indexed PNG. Entry i of the palette is class i's colour, black beyond. An RGB picture where
// there are more than 256 colours.
Status write_palette_png(const std::filesystem::path& path, const imaging::LabelMap& map,
                         std::span<const imaging::Color> palette);
Status write_rgb_png(const std::filesystem::path& path, const imaging::Image& image);

// The image with each pixel moved towards its class's colour; opacity 0 (image alone) to 1 (colours alone).
// Pixels of classes without a colour stay as they are. Precondition: equal sizes.
imaging::Image overlay(const imaging::Image& image, const imaging::LabelMap& map,
                       std::span<const imaging::Color> palette, float opacity);

}  // namespace graphrun::datasets
