#include "datasets/codecs/tiff_source.h"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace graphrun::datasets {
namespace {

TiffSource& source_of(thandle_t handle) { return *static_cast<TiffSource*>(handle); }

extern "C" {
static tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  TiffSource& source = source_of(handle);
  const std::size_t taken = source.file.read(source.at, to, static_cast<std::size_t>(count));
  source.at += taken;
  return static_cast<tmsize_t>(taken);
}
static tmsize_t write_bytes(thandle_t, void*, tmsize_t) { return 0; }
static toff_t seek(thandle_t handle, toff_t offset, int whence) {
  TiffSource& source = source_of(handle);
  source.at = (whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source.at : source.file.size()) + offset;
  return source.at;
}
static int close_source(thandle_t) { return 0; }
static toff_t size_of(thandle_t handle) { return source_of(handle).file.size(); }
// Not zero: the message goes no further, which is to standard error.
static int on_error(TIFF*, void* handle, const char*, const char* format, va_list values) {
  std::array<char, 300> text{};
  std::vsnprintf(text.data(), text.size(), format, values);
  TiffSource& source = source_of(handle);
  if (source.said.empty()) source.said = text.data();
  return 1;
}
static int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
}

}  // namespace

TiffHandle open_tiff(TiffSource& source, std::int64_t max_bytes) {
  TIFFOpenOptions* const options = TIFFOpenOptionsAlloc();
  if (options == nullptr) return nullptr;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, &source);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, static_cast<tmsize_t>(max_bytes));
  TiffHandle tiff(TIFFClientOpenExt("image", "rm", &source, read_bytes, write_bytes, seek, close_source,
                                    size_of, nullptr, nullptr, options));
  TIFFOpenOptionsFree(options);
  return tiff;
}

}  // namespace graphrun::datasets
