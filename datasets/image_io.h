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

// Class ids as an 8-bit grey PNG.
Status write_gray_png(const std::filesystem::path& path, const imaging::LabelMap& map);
// Class ids as an indexed PNG. Entry i of the palette is class i's colour, black beyond; at most 256 colours.
Status write_palette_png(const std::filesystem::path& path, const imaging::LabelMap& map,
                         std::span<const imaging::Color> palette);
Status write_rgb_png(const std::filesystem::path& path, const imaging::Image& image);

// The image with each pixel moved towards its class's colour; opacity 0 (image alone) to 1 (colours alone).
// Pixels of classes without a colour stay as they are. Precondition: equal sizes.
imaging::Image overlay(const imaging::Image& image, const imaging::LabelMap& map,
                       std::span<const imaging::Color> palette, float opacity);

}  // namespace graphrun::datasets
