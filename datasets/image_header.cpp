#include "datasets/image_header.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include "datasets/sample.h"

namespace graphrun::datasets {

namespace {

// Bytes of a file with bounds: reading past the end is an empty optional.
class Bytes {
 public:
  explicit Bytes(std::string_view file) : file_(file) {}
  std::optional<std::uint32_t> big(std::size_t at, int count) const { return read(at, count, false); }
  std::optional<std::uint32_t> little(std::size_t at, int count) const { return read(at, count, true); }

 private:
  std::optional<std::uint32_t> read(std::size_t at, int count, bool reverse) const {
    const auto size = static_cast<std::size_t>(count);
    if (at > file_.size() || file_.size() - at < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8 | static_cast<std::uint8_t>(file_[at + (reverse ? size - 1 - i : i)]);
    }
    return value;
  }
  std::string_view file_;
};

std::optional<ImageHeader> png_header(std::string_view file) {
  const Bytes bytes(file);
  if (file.size() < 16 || file.substr(12, 4) != "IHDR") return std::nullopt;
  const auto width = bytes.big(16, 4);
  const auto height = bytes.big(20, 4);
  const auto depth = bytes.big(24, 1);
  const auto color = bytes.big(25, 1);
  if (!width || !height || !depth || !color) return std::nullopt;
  if (*color > 6 || *color == 1 || *color == 5) return std::nullopt;
  return ImageHeader{ImageFormat::png,
                     *height,
                     *width,
                     false,
                     false,
                     static_cast<int>(*depth),
                     static_cast<PngColor>(*color)};
}

// The orientation in a JPEG's APP1 (EXIF 2.3, 4.5 and 4.6: a TIFF file after 6 bytes, the tag 0x112 in its
// first directory): 1 is upright, 5 to 8 exchange the sides.
std::uint32_t orientation_of(std::string_view app1) {
  constexpr std::uint32_t kUpright = 1;
  constexpr std::size_t kTiffAt = 6, kEntryBytes = 12;
  constexpr std::uint32_t kOrientation = 0x112;
  const std::string_view tiff = app1.substr(std::min(kTiffAt, app1.size()));
  const Bytes bytes(tiff);
  const bool little = tiff.starts_with("II");
  if (!little && !tiff.starts_with("MM")) return kUpright;
  const auto number = [&](std::size_t at, int count) {
    return little ? bytes.little(at, count) : bytes.big(at, count);
  };
  const auto directory = number(4, 4);
  if (number(2, 2) != 42u || !directory) return kUpright;
  const auto entries = number(*directory, 2);
  for (std::size_t i = 0; entries && i < *entries; ++i) {
    const std::size_t entry = *directory + 2 + i * kEntryBytes;
    const auto tag = number(entry, 2);
    if (!tag) return kUpright;
    if (*tag != kOrientation) continue;
    const auto value = number(entry + 8, 2);
    return value.value_or(kUpright);
  }
  return kUpright;
}

// Walks the marker segments up to the scan (ITU-T T.81, B.1.1.3 and B.2.2); the decoder believes the first
// APP1 of them.
std::optional<ImageHeader> jpeg_header(std::string_view file) {
  const Bytes bytes(file);
  std::optional<ImageHeader> header;
  std::optional<std::uint32_t> orientation;
  std::size_t at = 2;
  const auto found = [&] {
    const std::uint32_t value = orientation.value_or(1);
    if (header) header->oriented = value != 1, header->turned = value >= 5 && value <= 8;
    return header;
  };
  while (true) {
    auto byte = bytes.big(at, 1);
    if (byte != 0xFFu) return found();
    while (byte == 0xFFu) byte = bytes.big(++at, 1);
    if (!byte) return found();
    const std::uint32_t marker = *byte;
    ++at;
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) continue;  // markers without a segment
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame && !header) {
      const auto height = bytes.big(at + 3, 2);
      const auto width = bytes.big(at + 5, 2);
      if (!height || !width) return std::nullopt;
      header = ImageHeader{ImageFormat::jpeg, *height, *width, false, false, 8, PngColor::rgb};
    }
    const auto length = bytes.big(at, 2);
    if (!length || *length < 2 || marker == 0xD9 || marker == 0xDA) return found();
    // The decoder keeps whole segments only.
    if (marker == 0xE1 && !orientation && at + *length <= file.size())
      orientation = orientation_of(file.substr(at + 2, *length - 2));
    at += *length;
  }
}

std::optional<ImageHeader> bmp_header(std::string_view file) {
  const Bytes bytes(file);
  const auto info_size = bytes.little(14, 4);
  const bool old = info_size == 12u;
  const auto width = bytes.little(18, old ? 2 : 4);
  const auto height = bytes.little(old ? 20 : 22, old ? 2 : 4);
  if (!width || !height) return std::nullopt;
  // A negative height means that the rows run from the top.
  const std::int64_t rows = old ? std::int64_t{*height} : std::llabs(static_cast<std::int32_t>(*height));
  return ImageHeader{ImageFormat::bmp, rows, *width, false, false, 8, PngColor::rgb};
}

std::optional<ImageHeader> pnm_header(std::string_view file) {
  std::int64_t numbers[2] = {0, 0};
  std::size_t at = 2;
  for (std::int64_t& number : numbers) {
    while (at < file.size() &&
           (file[at] == '#' || file[at] == ' ' || (file[at] >= '\t' && file[at] <= '\r'))) {
      if (file[at] == '#') {
        while (at < file.size() && file[at] != '\n') ++at;
      } else {
        ++at;
      }
    }
    if (at >= file.size() || file[at] < '0' || file[at] > '9') return std::nullopt;
    while (at < file.size() && file[at] >= '0' && file[at] <= '9') {
      number = number * 10 + (file[at++] - '0');
      if (number > imaging::kMaxPixels) return std::nullopt;
    }
  }
  return ImageHeader{ImageFormat::pnm, numbers[1], numbers[0], false, false, 8, PngColor::rgb};
}

}  // namespace

Result<ImageHeader> read_image_header(std::string_view file) {
  using namespace std::string_view_literals;
  std::optional<ImageHeader> header;
  if (file.starts_with("\x89PNG\r\n\x1a\n"sv)) {
    header = png_header(file);
  } else if (file.starts_with("\xFF\xD8"sv)) {
    header = jpeg_header(file);
  } else if (file.starts_with("BM"sv)) {
    header = bmp_header(file);
  } else if (file.size() > 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6') {
    header = pnm_header(file);
  } else {
    return Status(ErrorCode::invalid_file, "is not a PNG, JPEG, BMP or PNM image");
  }
  if (!header) return Status(ErrorCode::invalid_file, "has a broken image header");
  constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;
  if (header->height > kMaxSide || header->width > kMaxSide) {
    return Status(ErrorCode::invalid_file, "has a side of more than " + std::to_string(kMaxSide) + " pixels");
  }
  // Both sides are below 2^32, so that the product fits once neither exceeds the limit.
  if (header->height < 1 || header->width < 1 || header->height > imaging::kMaxPixels ||
      header->width > imaging::kMaxPixels || header->height * header->width > imaging::kMaxPixels) {
    return Status(ErrorCode::invalid_file, "claims to be " + std::to_string(header->width) + " x " +
                                               std::to_string(header->height) + " pixels");
  }
  return *header;
}

}  // namespace graphrun::datasets
