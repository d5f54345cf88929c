#include "datasets/image_io.h"

#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "datasets/codecs/opencv_codecs.h"
#include "datasets/codecs_library.h"
#include "datasets/color.h"
#include "datasets/image_cost.h"
#include "datasets/image_header.h"
#include "datasets/image_source.h"
#include "datasets/jpeg_codec.h"
#include "datasets/orientation.h"
#include "datasets/png_codec.h"
#include "datasets/rows.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

constexpr std::int64_t kMaxImageBytes = std::int64_t{1} << 30;

Result<imaging::Image> decode_by_codecs(std::string& file, const ImageHeader& header) {
  GRAPHRUN_ASSIGN(void* const decode, codecs_function(kCodecsFunction));
  if (header.format == ImageFormat::pnm) file.push_back('\n');  // the codec wants one after the last number
  imaging::Image image;
  std::string reason;
  if (!reinterpret_cast<DecodeImage>(decode)(file, image, reason))
    return Status(ErrorCode::invalid_file, reason);
  if (image.height != header.height || image.width != header.width)
    return Status(ErrorCode::invalid_file, "has another size than its header says");
  return image;
}

// One decoder for a format: what it finds wrong, no other may paint over.
Result<UprightImage> decode_image(std::string& file) {
  GRAPHRUN_ASSIGN(const ImageHeader header, read_image_header(file));
  GRAPHRUN_TRY(limit_image_cost(file, header));
  auto image = header.format == ImageFormat::jpeg  ? decode_jpeg(file, header)
               : header.format == ImageFormat::png ? decode_png(file, header)
                                                   : decode_by_codecs(file, header);
  if (!image.ok()) return std::move(image).status();
  return UprightImage{upright(*std::move(image), header.orientation), header.orientation};
}

// Reads the beginning of the file; all of it where a profile is long, or more may say how the image is
// turned. Read, not mapped: a file may be cut short by somebody else at any time.
Result<ImageHeader> read_header(const std::filesystem::path& path) {
  constexpr std::int64_t kBeginning = 256 * 1024;
  GRAPHRUN_ASSIGN(const std::string beginning, core::read_beginning(path, kBeginning));
  Result<ImageHeader> header = read_image_header(beginning);
  if (header.ok() || std::ssize(beginning) < kBeginning) return std::move(header).with_context(path.string());
  GRAPHRUN_ASSIGN(const std::string file, core::read_file(path, kMaxImageBytes));
  return read_image_header(file).with_context(path.string());
}

// The colours in the order of their first pixel.
Result<LabelImage> colors_of(const imaging::Image& image) {
  LabelImage mask{image.height, image.width, std::vector<std::uint16_t>(image.rgb.size() / 3), {}};
  std::unordered_map<std::uint32_t, std::uint16_t> index_of;
  std::optional<std::uint32_t> before;
  std::uint16_t index = 0;
  for (std::size_t i = 0; i < mask.ids.size(); ++i) {
    const imaging::Color color{image.rgb[3 * i], image.rgb[3 * i + 1], image.rgb[3 * i + 2]};
    if (before != packed(color)) {
      before = packed(color);
      const auto [at, fresh] = index_of.emplace(*before, static_cast<std::uint16_t>(mask.palette.size()));
      if (fresh) mask.palette.push_back(color);
      if (mask.palette.size() > kMaxMaskColors) {
        return Status(ErrorCode::invalid_file, "has more than " + std::to_string(kMaxMaskColors) +
                                                   " colours: a photograph, or a mask that was smoothed or "
                                                   "compressed with loss");
      }
      index = at->second;
    }
    mask.ids[i] = index;
  }
  return mask;
}

Result<std::vector<std::uint8_t>> to_bytes(const imaging::LabelMap& map) {
  std::vector<std::uint8_t> bytes(map.ids.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const ClassId id = map.ids[i] == imaging::kIgnoredClass ? imaging::kByteIgnored : map.ids[i];
    if (id > 255)
      return Status(ErrorCode::invalid_argument, "8 bits do not hold the id " + std::to_string(id));
    bytes[i] = static_cast<std::uint8_t>(id);
  }
  return bytes;
}

// The ids of a grey or palette TIFF of up to 16 bits. Where white is 0 they are inverted, as viewers do.
Result<LabelImage> decode_label_tiff(const std::string& file) {
  const BytesInMemory bytes(file);
  GRAPHRUN_ASSIGN(const std::unique_ptr<RowReader> rows, open_stored_rows(bytes, false));
  const StoredForm& form = rows->form();
  if (form.channels != 1 || form.pixels == imaging::ImageForm::Pixels::f32) {
    return {ErrorCode::unsupported, describe_content(file) + " of " +
                                        imaging::describe({form.channels, form.pixels}) +
                                        ": export labels as grey or palette PNG or TIFF of ids"};
  }
  LabelImage label{form.height, form.width,
                   std::vector<std::uint16_t>(static_cast<std::size_t>(form.height * form.width)),
                   form.palette};
  std::vector<std::byte> row(static_cast<std::size_t>(form.row_bytes()));
  const int invert = form.white_is_zero ? (1 << form.bits) - 1 : 0;
  auto to = label.ids.begin();
  for (std::int64_t y = 0; y < form.height; ++y) {
    std::string reason;
    if (!rows->next(1, row.data(), reason)) return {ErrorCode::invalid_file, reason};
    for (std::int64_t x = 0; x < form.width; ++x) {
      std::uint16_t id = 0;
      std::memcpy(&id, row.data() + x * form.bytes_of_number(),
                  static_cast<std::size_t>(form.bytes_of_number()));
      *to++ = static_cast<std::uint16_t>(invert == 0 ? id : invert - id);
    }
  }
  return upright(std::move(label), form.orientation);
}

}  // namespace

Result<UprightImage> read_upright_image(const std::filesystem::path& path) try {
  GRAPHRUN_ASSIGN(std::string file, core::read_file(path, kMaxImageBytes));
  return decode_image(file).with_context(path.string());
} catch (...) {
  return core::caught();
}

Result<imaging::Image> read_image(const std::filesystem::path& path) {
  GRAPHRUN_ASSIGN(UprightImage read, read_upright_image(path));
  return std::move(read.image);
}

std::string size_text(const UprightImage& image) {
  std::int64_t height = image.image.height, width = image.image.width;
  std::string size = std::to_string(width) + " x " + std::to_string(height);
  if (image.orientation == kUpright) return size;
  if (exchanges_sides(image.orientation)) std::swap(height, width);
  return size + " (stored as " + std::to_string(width) + " x " + std::to_string(height) +
         ", turned by its EXIF orientation " + std::to_string(image.orientation) + ")";
}

std::string orientation_hint(const UprightImage& image, const imaging::Extent& label) {
  const bool is_turned = exchanges_sides(image.orientation);
  if (!is_turned || label.height != image.image.width || label.width != image.image.height) return {};
  return "; the label lies as the image is stored: turn it upright, or take the orientation out of the image";
}

Result<imaging::Extent> read_image_size(const std::filesystem::path& path) try {
  GRAPHRUN_ASSIGN(const ImageHeader header, read_header(path));
  return upright_size(header);
} catch (...) {
  return core::caught();
}

Result<LabelImage> read_label(const std::filesystem::path& path) try {
  GRAPHRUN_ASSIGN(std::string file, core::read_file(path, kMaxImageBytes));
  const Result<ImageHeader> header = read_image_header(file);
  if (header.ok()) GRAPHRUN_TRY(limit_image_cost(file, *header).with_context(path.string()));
  const bool is_tiff = header.ok() && header->format == ImageFormat::tiff;
  return (is_tiff ? decode_label_tiff(file) : decode_label_png(file)).with_context(path.string());
} catch (...) {
  return core::caught();
}

Result<LabelImage> read_color_mask(const std::filesystem::path& path) try {
  GRAPHRUN_ASSIGN(std::string file, core::read_file(path, kMaxImageBytes));
  constexpr std::string_view kMasks = "masks of colours are PNG, BMP, TIFF or lossless WebP files";
  GRAPHRUN_ASSIGN(const ImageHeader header, read_image_header(file, kMasks).with_context(path.string()));
  if (header.format == ImageFormat::jpeg) {
    return Status(ErrorCode::unsupported,
                  path.string() + ": is a JPEG, whose compression changes colours: export masks as PNG");
  }
  auto image = decode_image(file).with_context(path.string());
  if (!image.ok()) return std::move(image).status();
  return colors_of(image->image).with_context(path.string());
} catch (...) {
  return core::caught();
}

Result<LabelImage> read_label(const std::filesystem::path& path, LabelForm form) {
  return form == LabelForm::colors ? read_color_mask(path) : read_label(path);
}

Status write_gray_png(const std::filesystem::path& path, const imaging::LabelMap& map, std::int64_t classes,
                      core::Sync sync) try {
  const auto encode = [&]() -> Result<std::string> {
    if (classes > imaging::kMaxByteClasses) return encode_wide_png(map.ids, map.height, map.width);
    GRAPHRUN_ASSIGN(const std::vector<std::uint8_t> bytes, to_bytes(map));
    return encode_png(bytes, map.height, map.width, PngColor::gray, {});
  };
  GRAPHRUN_ASSIGN(const std::string png, encode().with_context(path.string()));
  return core::write_file(path, png, sync);
} catch (...) {
  return core::caught();
}

Status write_palette_png(const std::filesystem::path& path, const imaging::LabelMap& map,
                         std::span<const imaging::Color> palette, core::Sync sync) try {
  constexpr std::size_t kMaxColors = 256;
  if (palette.size() > kMaxColors) {
    return write_rgb_png(
        path,
        overlay({map.height, map.width, std::vector<std::uint8_t>(3 * map.ids.size())}, map, palette, 1),
        sync);
  }
  const auto encode = [&]() -> Result<std::string> {
    GRAPHRUN_ASSIGN(const std::vector<std::uint8_t> bytes, to_bytes(map));
    return encode_png(bytes, map.height, map.width, PngColor::palette, palette);
  };
  GRAPHRUN_ASSIGN(const std::string png, encode().with_context(path.string()));
  return core::write_file(path, png, sync);
} catch (...) {
  return core::caught();
}

Status write_rgb_png(const std::filesystem::path& path, const imaging::Image& image, core::Sync sync) try {
  auto png = encode_png(image.rgb, image.height, image.width, PngColor::rgb, {});
  if (!png.ok()) return std::move(png).status().with_context(path.string());
  return core::write_file(path, *png, sync);
} catch (...) {
  return core::caught();
}

imaging::Image overlay(const imaging::Image& image, const imaging::LabelMap& map,
                       std::span<const imaging::Color> palette, float opacity) {
  imaging::Image mixed = picture_of(image);
  const auto mix = [opacity](std::uint8_t& below, std::uint8_t above) {
    below = static_cast<std::uint8_t>(
        std::lround((1 - opacity) * static_cast<float>(below) + opacity * static_cast<float>(above)));
  };
  for (std::size_t i = 0; i < map.ids.size(); ++i) {
    if (map.ids[i] >= palette.size()) continue;
    const imaging::Color color = palette[map.ids[i]];
    mix(mixed.rgb[3 * i], color.r);
    mix(mixed.rgb[3 * i + 1], color.g);
    mix(mixed.rgb[3 * i + 2], color.b);
  }
  return mixed;
}

}  // namespace graphrun::datasets
