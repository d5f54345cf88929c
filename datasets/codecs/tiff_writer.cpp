#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "datasets/codecs/row_writer.h"
#include "datasets/codecs/tiff_source.h"

namespace graphrun::datasets {
namespace {

constexpr std::int64_t kTile = 256;  // pixels of a side

// Where the picture lies (GeoTIFF 1.1, 7.1.2 and annexes), and GDAL's own names and units.
constexpr std::uint32_t kPixelScale = 33550, kTiePoints = 33922, kTransformation = 34264, kGeoKeys = 34735,
                        kGeoDoubles = 34736, kGeoText = 34737;
constexpr std::array kDoubles = {kPixelScale, kTiePoints, kTransformation, kGeoDoubles};
constexpr std::uint32_t kMaxNumbers = 1 << 16;

// What libtiff writes to, and reads from while it writes.
struct Output {
  ByteSink* sink = nullptr;
  std::uint64_t at = 0;
  std::uint64_t end = 0;
  std::string said{};
};

Output& output_of(thandle_t handle) { return *static_cast<Output*>(handle); }

extern "C" {
static tmsize_t read_nothing(thandle_t, void*, tmsize_t) { return 0; }
static tmsize_t write_output(thandle_t handle, void* bytes, tmsize_t count) {
  Output& output = output_of(handle);
  if (!output.sink->write(output.at, bytes, static_cast<std::size_t>(count))) return -1;
  output.at += static_cast<std::uint64_t>(count);
  output.end = std::max(output.end, output.at);
  return count;
}
static toff_t seek_output(thandle_t handle, toff_t offset, int whence) {
  Output& output = output_of(handle);
  output.at = (whence == SEEK_SET ? 0 : whence == SEEK_CUR ? output.at : output.end) + offset;
  return output.at;
}
static int close_output(thandle_t) { return 0; }
static toff_t size_of_output(thandle_t handle) { return output_of(handle).end; }
static int on_write_error(TIFF*, void* handle, const char*, const char* format, va_list values) {
  std::array<char, 300> text{};
  std::vsnprintf(text.data(), text.size(), format, values);
  Output& output = output_of(handle);
  if (output.said.empty()) output.said = text.data();
  return 1;
}
static int no_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
}

// libtiff does not know these tags, nor how to write them.
void add_geo_tags(TIFF* tiff) {
  static std::array<char, 8> name{"GeoTIFF"};
  std::vector<TIFFFieldInfo> fields;
  fields.reserve(kDoubles.size() + 2);
  for (const std::uint32_t tag : kDoubles)
    fields.push_back({tag, TIFF_VARIABLE2, TIFF_VARIABLE2, TIFF_DOUBLE, FIELD_CUSTOM, 1, 1, name.data()});
  fields.push_back({kGeoKeys, TIFF_VARIABLE2, TIFF_VARIABLE2, TIFF_SHORT, FIELD_CUSTOM, 1, 1, name.data()});
  fields.push_back({kGeoText, -1, -1, TIFF_ASCII, FIELD_CUSTOM, 1, 0, name.data()});
  TIFFMergeFieldInfo(tiff, fields.data(), static_cast<std::uint32_t>(fields.size()));
}

// Values of a tag that libtiff found in the file and does not know, if they are of that type.
struct Values {
  std::uint32_t count = 0;
  const void* data = nullptr;
};

Values find_values(TIFF* from, std::uint32_t tag, TIFFDataType type) {
  const TIFFField* const field = TIFFFindField(from, tag, TIFF_ANY);
  if (field == nullptr || TIFFFieldDataType(field) != type || TIFFFieldPassCount(field) == 0 ||
      TIFFFieldReadCount(field) != TIFF_VARIABLE2)
    return {};
  Values values;
  if (TIFFGetField(from, tag, &values.count, &values.data) == 0 || values.data == nullptr ||
      values.count > kMaxNumbers)
    return {};
  return values;
}

void copy_geo_tags(TIFF* from, TIFF* to) {
  for (const std::uint32_t tag : kDoubles) {
    const Values found = find_values(from, tag, TIFF_DOUBLE);
    if (found.count > 0) TIFFSetField(to, tag, found.count, found.data);
  }
  const Values keys = find_values(from, kGeoKeys, TIFF_SHORT);
  if (keys.count > 0) TIFFSetField(to, kGeoKeys, keys.count, keys.data);
  const Values text = find_values(from, kGeoText, TIFF_ASCII);
  if (text.count == 0) return;
  const std::string letters(static_cast<const char*>(text.data), text.count);
  TIFFSetField(to, kGeoText, letters.c_str());
}

class TiffWriter final : public RowWriter {
 public:
  TiffWriter(ByteSink& sink, const IdPicture& form) : form_(form) { output_.sink = &sink; }

  bool start(const ByteSource* like) {
    TIFFOpenOptions* const options = TIFFOpenOptionsAlloc();
    if (options == nullptr) return false;
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_write_error, &output_);
    TIFFOpenOptionsSetWarningHandlerExtR(options, no_warning, &output_);
    constexpr std::int64_t kClassic = std::int64_t{3} << 30;
    const bool big = form_.height * row_bytes() > kClassic;
    tiff_.reset(TIFFClientOpenExt("labels", big ? "w8" : "w", &output_, read_nothing, write_output,
                                  seek_output, close_output, size_of_output, nullptr, nullptr, options));
    TIFFOpenOptionsFree(options);
    if (tiff_ == nullptr || !set_tags()) return false;
    if (like != nullptr) copy_place(*like);
    band_.resize(static_cast<std::size_t>(kTile * row_bytes()));
    tile_.resize(static_cast<std::size_t>(kTile * kTile * bytes()));
    return output_.said.empty();
  }

  bool write(std::int64_t count, const std::byte* rows, std::string& reason) override {
    for (std::int64_t i = 0; i < count; ++i, ++row_, rows += row_bytes()) {
      std::memcpy(band_.data() + row_ % kTile * row_bytes(), rows, static_cast<std::size_t>(row_bytes()));
      const bool full = row_ % kTile == kTile - 1 || row_ == form_.height - 1;
      if (!full || write_tiles()) continue;
      reason = this->reason();
      return false;
    }
    return true;
  }

  bool finish(std::string& reason) override {
    const bool written = TIFFWriteDirectory(tiff_.get()) != 0 && output_.said.empty();
    if (!written) reason = this->reason();
    return written;
  }

  std::string reason() const { return "cannot be written as TIFF: " + output_.said; }

 private:
  std::int64_t bytes() const { return form_.wide ? 2 : 1; }
  std::int64_t row_bytes() const { return form_.width * bytes(); }

  bool set_tags() {
    TIFF* const tiff = tiff_.get();
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(form_.width));
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(form_.height));
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, static_cast<std::uint32_t>(kTile));
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, static_cast<std::uint32_t>(kTile));
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, form_.wide ? 16 : 8);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    const bool colored = !form_.palette.empty() && !form_.wide;
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, colored ? PHOTOMETRIC_PALETTE : PHOTOMETRIC_MINISBLACK);
    if (!colored) return output_.said.empty();
    constexpr std::size_t kColors = 256;
    std::array<std::array<std::uint16_t, kColors>, 3> map{};
    for (std::size_t i = 0; i < std::min(kColors, form_.palette.size()); ++i) {
      const imaging::Color& color = form_.palette[i];
      for (const auto& [channel, value] :
           {std::pair(0U, color.r), std::pair(1U, color.g), std::pair(2U, color.b)})
        map[channel][i] = static_cast<std::uint16_t>(value * 257);
    }
    TIFFSetField(tiff, TIFFTAG_COLORMAP, map[0].data(), map[1].data(), map[2].data());
    return output_.said.empty();
  }

  void copy_place(const ByteSource& like) {
    constexpr std::int64_t kMaxBytes = std::int64_t{16} << 20;
    TiffSource source{like};
    const TiffHandle from = open_tiff(source, kMaxBytes);
    if (from == nullptr) return;
    add_geo_tags(tiff_.get());
    copy_geo_tags(from.get(), tiff_.get());
  }

  bool write_tiles() {
    const std::int64_t first = row_ / kTile * kTile;
    const std::int64_t rows = row_ - first + 1;
    for (std::int64_t left = 0; left < form_.width; left += kTile) {
      const std::int64_t pixels = std::min(kTile, form_.width - left);
      std::ranges::fill(tile_, std::byte{0});
      for (std::int64_t y = 0; y < rows; ++y)
        std::memcpy(tile_.data() + y * kTile * bytes(), band_.data() + y * row_bytes() + left * bytes(),
                    static_cast<std::size_t>(pixels * bytes()));
      if (TIFFWriteTile(tiff_.get(), tile_.data(), static_cast<std::uint32_t>(left),
                        static_cast<std::uint32_t>(first), 0, 0) < 0)
        return false;
    }
    return output_.said.empty();
  }

  IdPicture form_;
  Output output_;
  TiffHandle tiff_;
  std::int64_t row_ = 0;         // the next
  std::vector<std::byte> band_;  // a row of tiles
  std::vector<std::byte> tile_;
};

}  // namespace
}  // namespace graphrun::datasets

extern "C" graphrun::datasets::RowWriter* graphrun_create_tiff(graphrun::datasets::ByteSink& sink,
                                                               const graphrun::datasets::IdPicture& form,
                                                               const graphrun::datasets::ByteSource* like,
                                                               std::string& reason) {
  try {
    auto writer = std::make_unique<graphrun::datasets::TiffWriter>(sink, form);
    if (writer->start(like)) return writer.release();
    reason = writer->reason();
  } catch (const std::exception& error) {
    reason = std::string("cannot be written: ") + error.what();
  }
  return nullptr;
}
static_assert(std::is_same_v<decltype(&graphrun_create_tiff), graphrun::datasets::CreateTiff>);
