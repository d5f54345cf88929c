#include "datasets/image_header.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include "datasets/orientation.h"
#include "datasets/sample.h"
#include "datasets/tiff_directory.h"

namespace graphrun::datasets {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n"sv;

Status cut_header() { return {ErrorCode::invalid_file, "is cut off: it ends within its header"}; }
Status broken_header() { return {ErrorCode::invalid_file, "has a broken image header"}; }

// The orientation may stand anywhere before the end; with it or with the end the walk ends. A chunk that ends
// beyond the file says how long that was.
void walk_chunks(std::string_view file, ImageHeader& header) {
  constexpr std::size_t kAroundData = 12;  // length, kind, checksum
  const FileBytes bytes(file);
  std::size_t at = kPngSignature.size();
  while (const auto length = bytes.big(at, 4)) {
    const std::size_t next = at + kAroundData + *length;
    const std::string_view kind = file.substr(at + 4, 4);
    if (next > file.size()) {
      header.file_bytes = static_cast<std::int64_t>(next);
      return;
    }
    if (kind == "eXIf") header.orientation = exif_orientation(file.substr(at + 8, *length));
    if (kind == "eXIf" || kind == "IEND") return;
    at = next;
  }
  header.file_bytes = static_cast<std::int64_t>(at + kAroundData);
}

Result<ImageHeader> png_header(std::string_view file) {
  const FileBytes bytes(file);
  const auto width = bytes.big(16, 4);
  const auto height = bytes.big(20, 4);
  const auto depth = bytes.big(24, 1);
  const auto color = bytes.big(25, 1);
  if (!width || !height || !depth || !color) return cut_header();
  if (file.substr(12, 4) != "IHDR" || *color > 6 || *color == 1 || *color == 5) return broken_header();
  ImageHeader header{.format = ImageFormat::png,
                     .height = *height,
                     .width = *width,
                     .bit_depth = static_cast<int>(*depth),
                     .color = static_cast<PngColor>(*color)};
  walk_chunks(file, header);
  return header;
}

// Walks the marker segments up to the scan (ITU-T T.81, B.1.1.3 and B.2.2). Of several APP1 (XMP is one as
// well) the first that is EXIF counts.
Result<ImageHeader> jpeg_header(std::string_view file) {
  const FileBytes bytes(file);
  std::optional<ImageHeader> header;
  std::optional<int> orientation;
  std::size_t at = 2;
  const auto found = [&]() -> Result<ImageHeader> {
    if (!header) return broken_header();
    header->orientation = orientation.value_or(kUpright);
    return *header;
  };
  while (true) {
    auto byte = bytes.big(at, 1);
    if (byte && byte != 0xFFu) return found();
    while (byte == 0xFFu) byte = bytes.big(++at, 1);
    if (!byte) return header ? found() : cut_header();
    const std::uint32_t marker = *byte;
    ++at;
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) continue;  // markers without a segment
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame && !header) {
      const auto height = bytes.big(at + 3, 2);
      const auto width = bytes.big(at + 5, 2);
      if (!height || !width) return cut_header();
      header = ImageHeader{.format = ImageFormat::jpeg, .height = *height, .width = *width};
    }
    if (marker == 0xD9 || marker == 0xDA) return found();
    const auto length = bytes.big(at, 2);
    if (!length) return header ? found() : cut_header();
    if (*length < 2) return found();
    const std::string_view segment = file.substr(at + 2, *length - 2);
    if (marker == 0xE1 && !orientation && segment.starts_with("Exif\0"sv))
      orientation = exif_orientation(segment);
    at += *length;
  }
}

Result<ImageHeader> bmp_header(std::string_view file) {
  const FileBytes bytes(file);
  const auto pixels_at = bytes.little(10, 4);
  const auto info_size = bytes.little(14, 4);
  const bool old = info_size == 12u;
  const auto width = bytes.little(18, old ? 2 : 4);
  const auto height = bytes.little(old ? 20 : 22, old ? 2 : 4);
  const auto bits = bytes.little(old ? 24 : 28, 2);
  const auto compression = old ? 0 : bytes.little(30, 4);
  if (!width || !height || !bits || !compression) return cut_header();
  constexpr std::uint32_t kRunLengths8 = 1, kRunLengths4 = 2;
  // A negative height means that the rows run from the top.
  const std::int64_t rows = old ? std::int64_t{*height} : std::llabs(static_cast<std::int32_t>(*height));
  ImageHeader header{.format = ImageFormat::bmp, .height = rows, .width = *width};
  if (*compression != kRunLengths8 && *compression != kRunLengths4 && rows <= imaging::kMaxPixels &&
      *width <= imaging::kMaxPixels && *bits <= 32) {
    header.file_bytes = *pixels_at + rows * ((std::int64_t{*width} * *bits + 31) / 32 * 4);
  }
  return header;
}

bool is_pnm_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The next number of a PNM header, in front of which blanks and comments are skipped; -1 for none.
std::int64_t pnm_number(std::string_view file, std::size_t& at) {
  while (at < file.size() && (file[at] == '#' || is_pnm_blank(file[at]))) {
    if (file[at] == '#') {
      while (at < file.size() && file[at] != '\n') ++at;
    } else {
      ++at;
    }
  }
  std::int64_t number = -1;
  for (; at < file.size() && file[at] >= '0' && file[at] <= '9'; ++at) {
    number = std::max<std::int64_t>(number, 0) * 10 + (file[at] - '0');
    if (number > imaging::kMaxPixels) return -1;
  }
  return number;
}

Result<ImageHeader> pnm_header(std::string_view file) {
  const char kind = file[1];
  std::size_t at = 2;
  const bool bitmap = kind == '1' || kind == '4';
  const std::int64_t width = pnm_number(file, at);
  const std::int64_t height = width < 0 ? -1 : pnm_number(file, at);
  const std::int64_t highest = height < 0 ? -1 : bitmap ? 1 : pnm_number(file, at);
  if (highest < 0) return at == file.size() ? cut_header() : broken_header();
  ImageHeader header{.format = ImageFormat::pnm, .height = height, .width = width};
  if (kind < '4') return header;
  const std::int64_t samples = kind == '6' ? 3 : 1;
  const std::int64_t row_bytes = bitmap ? (width + 7) / 8 : width * samples * (highest > 255 ? 2 : 1);
  header.file_bytes = static_cast<std::int64_t>(at) + 1 + height * row_bytes;
  return header;
}

Result<ImageHeader> tiff_header(std::string_view file) {
  constexpr std::uint32_t kWidth = 0x100, kHeight = 0x101, kOrientation = 0x112;
  const auto directory = TiffDirectory::open(file);
  if (!directory) return cut_header();
  const auto width = directory->value(kWidth);
  const auto height = directory->value(kHeight);
  if (!width || !height) return broken_header();
  const std::uint32_t orientation = directory->value(kOrientation).value_or(kUpright);
  return ImageHeader{
      .format = ImageFormat::tiff,
      .height = *height,
      .width = *width,
      .orientation = orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : kUpright,
      .file_bytes = directory->file_bytes()};
}

// The EXIF of an extended WebP file (WebP container specification): a chunk after the pixels.
int webp_orientation(std::string_view file) {
  const FileBytes bytes(file);
  std::size_t at = 12;
  while (const auto length = bytes.little(at + 4, 4)) {
    if (file.substr(at, 4) == "EXIF") return exif_orientation(file.substr(at + 8, *length));
    at += 8 + std::size_t{*length} + *length % 2;
    if (at > file.size()) break;
  }
  return kUpright;
}

Result<ImageHeader> webp_header(std::string_view file) {
  const FileBytes bytes(file);
  const auto riff_bytes = bytes.little(4, 4);
  const std::string_view kind = file.substr(12, 4);
  ImageHeader header{.format = ImageFormat::webp};
  const auto lossy = bytes.little(26, 4);     // both sides, 14 bits and 2 of scaling each
  const auto lossless = bytes.little(21, 4);  // both sides less one, 14 bits each
  const auto wide = bytes.little(24, 3);
  const auto high = bytes.little(27, 3);
  if (!riff_bytes || !lossy) return cut_header();
  if (kind == "VP8 ") {
    header.width = *lossy & 0x3FFF;
    header.height = *lossy >> 16 & 0x3FFF;
  } else if (kind == "VP8L") {
    header.width = (*lossless & 0x3FFF) + 1;
    header.height = (*lossless >> 14 & 0x3FFF) + 1;
  } else if (kind == "VP8X") {
    header.width = std::int64_t{*wide} + 1;
    header.height = std::int64_t{*high} + 1;
    header.orientation = webp_orientation(file);
  } else {
    return broken_header();
  }
  header.file_bytes = std::int64_t{*riff_bytes} + 8;
  return header;
}

Result<ImageHeader> header_of(std::string_view file, std::string_view formats) {
  if (file.starts_with(kPngSignature)) return png_header(file);
  if (file.starts_with("\xFF\xD8"sv)) return jpeg_header(file);
  if (file.starts_with("BM"sv)) return bmp_header(file);
  if (file.size() > 2 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6') return pnm_header(file);
  if (TiffDirectory::is_tiff(file)) return tiff_header(file);
  if (file.starts_with("RIFF"sv) && file.substr(0, 12).ends_with("WEBP"sv)) return webp_header(file);
  if (!file.empty() && kPngSignature.starts_with(file)) return cut_header();
  return Status(ErrorCode::invalid_file, describe_content(file) + "; " + std::string(formats));
}

}  // namespace

imaging::Extent upright_size(const ImageHeader& header) {
  return exchanges_sides(header.orientation) ? imaging::Extent{header.width, header.height}
                                             : imaging::Extent{header.height, header.width};
}

Result<ImageHeader> parse_image_header(std::string_view file, std::string_view formats) {
  return header_of(file, formats);
}

Result<ImageHeader> read_image_header(std::string_view file, std::string_view formats) {
  GRAPHRUN_ASSIGN(const ImageHeader header, header_of(file, formats));
  constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;
  if (header.height > kMaxSide || header.width > kMaxSide) {
    return Status(ErrorCode::invalid_file, "has a side of more than " + std::to_string(kMaxSide) + " pixels");
  }
  const std::string claim =
      "claims to be " + std::to_string(header.width) + " x " + std::to_string(header.height) + " pixels";
  if (header.height < 1 || header.width < 1) return Status(ErrorCode::invalid_file, claim);
  // Both sides are at most kMaxSide, so that the product fits.
  if (header.height * header.width > imaging::kMaxPixels) {
    return Status(ErrorCode::invalid_file,
                  claim + "; images of up to " + std::to_string(imaging::kMaxPixels) +
                      " pixels are read at once: grun predict --tiled labels larger ones");
  }
  if (static_cast<std::int64_t>(file.size()) < header.file_bytes) {
    return Status(ErrorCode::invalid_file, "is cut off: it has " + std::to_string(file.size()) + " of the " +
                                               std::to_string(header.file_bytes) +
                                               " bytes that it says it has");
  }
  return header;
}

}  // namespace graphrun::datasets
