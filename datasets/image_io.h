#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "datasets/sample.h"
#include "graphrun/status.h"
#include "runtime/core/atomic_file.h"

// Reading images and labels, writing label maps and overlays. Errors name the file.
namespace graphrun::datasets {

// PNG, JPEG, BMP, PNM, TIFF or WebP as 8-bit RGB, upright: turned as its EXIF orientation says. A file that
// is cut off or damaged is an error, also where most of it could be shown.
Result<imaging::Image> read_image(const std::filesystem::path& path);

struct UprightImage {
  imaging::Image image;
  int orientation = 1;  // by which it was turned: datasets/orientation.h
};
Result<UprightImage> read_upright_image(const std::filesystem::path& path);

// The image's width x height for a message, with what EXIF made of it.
std::string size_text(const UprightImage& image);
// For the message about a label of another size: what to do where it has the size that the image is stored
// in; else empty.
std::string orientation_hint(const UprightImage& image, const imaging::Extent& label);

// An image's size from its headers alone, upright; nothing is decoded.
Result<imaging::Extent> read_image_size(const std::filesystem::path& path);

// A PNG or TIFF of 1, 2, 4, 8 or 16 bits grey, or of palette indices: the stored numbers themselves, never
// colours or scaled greys (but in a TIFF whose white is 0, where white is the highest). A colour picture is
// an error that says so. Turned only where the label itself has an orientation.
Result<LabelImage> read_label(const std::filesystem::path& path);
// A mask of colours, from any format that keeps them: the colours that occur, and for each pixel which. A
// JPEG is an error, and more colours than kMaxMaskColors are.
inline constexpr std::size_t kMaxMaskColors = 4096;
Result<LabelImage> read_color_mask(const std::filesystem::path& path);
Result<LabelImage> read_label(const std::filesystem::path& path, LabelForm form);

// Ids as a grey PNG: of 8 bits, with 255 for kIgnoredClass, or of 16 where there are more than
// imaging::kMaxByteClasses classes. Errors: an id that 8 bits do not hold.
Status write_gray_png(const std::filesystem::path& path, const imaging::LabelMap& map,
                      std::int64_t classes = imaging::kMaxByteClasses, core::Sync sync = core::Sync::now);
// Class ids as an indexed PNG. Entry i of the palette is class i's colour, black beyond. An RGB picture where
// there are more than 256 colours.
Status write_palette_png(const std::filesystem::path& path, const imaging::LabelMap& map,
                         std::span<const imaging::Color> palette, core::Sync sync = core::Sync::now);
Status write_rgb_png(const std::filesystem::path& path, const imaging::Image& image,
                     core::Sync sync = core::Sync::now);

// The image, or what picture_of() makes of it, with each pixel moved towards its class's colour; opacity 0
// (image alone) to 1 (colours alone). Pixels of classes without a colour stay as they are. Precondition:
// equal sizes.
imaging::Image overlay(const imaging::Image& image, const imaging::LabelMap& map,
                       std::span<const imaging::Color> palette, float opacity);

}  // namespace graphrun::datasets
