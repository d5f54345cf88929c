#include "datasets/codecs/tiff_codec.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "datasets/codecs/tiff_source.h"

namespace graphrun::datasets {
namespace {

using namespace std::string_view_literals;

constexpr std::int64_t kMaxBytes = std::int64_t{4} << 30;

// Colours of a picture with transparency are taken as they are stored: libtiff leaves those alone that it
// believes multiplied already.
void ignore_transparency(TIFF* tiff) {
  std::uint16_t samples = 0, extra = 0, colors = 0;
  std::uint16_t* kinds = nullptr;
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &colors);
  if (extra != 1 || colors != PHOTOMETRIC_RGB) return;
  std::uint16_t as_is = EXTRASAMPLE_ASSOCALPHA;
  TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &as_is);
}

}  // namespace

bool is_tiff(const std::string& file) {
  return file.starts_with("II*\0"sv) || file.starts_with("MM\0*"sv) || file.starts_with("II+\0"sv) ||
         file.starts_with("MM\0+"sv);
}

bool decode_tiff(const std::string& file, imaging::Image& image, std::string& reason) {
  const BytesInMemory bytes(file);
  TiffSource source{bytes};
  std::string& said = source.said;
  const auto failed = [&] {
    reason = "is a damaged TIFF, or of a kind that is not read" + (said.empty() ? "" : ": " + said);
    return false;
  };
  const TiffHandle tiff = open_tiff(source, kMaxBytes);
  if (tiff == nullptr) return failed();
  std::uint32_t width = 0, height = 0;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  if (width == 0 || height == 0 || std::int64_t{width} * height > imaging::kMaxPixels) return failed();
  ignore_transparency(tiff.get());
  TIFFRGBAImage reader{};
  std::array<char, 1024> text{};
  constexpr int kStopAtErrors = 1;
  if (TIFFRGBAImageBegin(&reader, tiff.get(), kStopAtErrors, text.data()) == 0) {
    if (said.empty()) said = text.data();
    return failed();
  }
  // Rows from the top, whatever the file says: the orientation is applied to all formats alike.
  reader.orientation = reader.req_orientation = ORIENTATION_TOPLEFT;
  said.clear();  // of the directory: what the picture does not need
  std::vector<std::uint32_t> raster(std::size_t{width} * height);
  const bool whole = TIFFRGBAImageGet(&reader, raster.data(), width, height) != 0 && said.empty();
  TIFFRGBAImageEnd(&reader);
  if (!whole) return failed();
  image.height = height;
  image.width = width;
  image.rgb.resize(3 * raster.size());
  std::uint8_t* to = image.rgb.data();
  for (const std::uint32_t pixel : raster) {
    *to++ = static_cast<std::uint8_t>(TIFFGetR(pixel));
    *to++ = static_cast<std::uint8_t>(TIFFGetG(pixel));
    *to++ = static_cast<std::uint8_t>(TIFFGetB(pixel));
  }
  return true;
}

}  // namespace graphrun::datasets
