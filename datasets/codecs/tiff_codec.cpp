#include "datasets/codecs/tiff_codec.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace graphrun::datasets {
namespace {

using namespace std::string_view_literals;

// What libtiff sees of the file, and the first thing it has to say about it.
struct Source {
  std::string_view file;
  std::uint64_t at = 0;
  std::string* reason = nullptr;
};

Source& source_of(thandle_t handle) { return *static_cast<Source*>(handle); }

extern "C" {
static tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  Source& source = source_of(handle);
  const std::uint64_t left = source.file.size() - std::min<std::uint64_t>(source.at, source.file.size());
  const auto taken =
      static_cast<std::size_t>(std::min<std::uint64_t>(left, static_cast<std::uint64_t>(count)));
  if (taken > 0) std::memcpy(to, source.file.data() + source.at, taken);
  source.at += taken;
  return static_cast<tmsize_t>(taken);
}
static tmsize_t write_bytes(thandle_t, void*, tmsize_t) { return 0; }
static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Source& source = source_of(handle);
  source.at = (whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source.at : source.file.size()) + offset;
  return source.at;
}
static int close_source(thandle_t) { return 0; }
static toff_t size_of(thandle_t handle) { return source_of(handle).file.size(); }
// Not zero: the message goes no further, which is to standard error.
static int on_error(TIFF*, void* handle, const char*, const char* format, va_list values) {
  std::array<char, 300> text{};
  std::vsnprintf(text.data(), text.size(), format, values);
  Source& source = source_of(handle);
  if (source.reason->empty()) *source.reason = text.data();
  return 1;
}
static int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
}

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Handle = std::unique_ptr<TIFF, Close>;

Handle open(Source& source) {
  TIFFOpenOptions* const options = TIFFOpenOptionsAlloc();
  if (options == nullptr) return nullptr;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, &source);
  // m: never mapped, the bytes are in memory.
  Handle tiff(TIFFClientOpenExt("image", "rm", &source, read_bytes, write_bytes, seek, close_source, size_of,
                                nullptr, nullptr, options));
  TIFFOpenOptionsFree(options);
  return tiff;
}

// Of a picture with transparency the colours are taken as they are stored: libtiff leaves those alone that it
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

bool is_tiff(const std::string& file) { return file.starts_with("II*\0"sv) || file.starts_with("MM\0*"sv); }

bool decode_tiff(const std::string& file, imaging::Image& image, std::string& reason) {
  std::string said;
  Source source{file, 0, &said};
  const auto failed = [&] {
    reason = "is a damaged TIFF, or of a kind that is not read" + (said.empty() ? "" : ": " + said);
    return false;
  };
  const Handle tiff = open(source);
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
