#include "datasets/rows.h"

#include <algorithm>
#include <string>
#include <vector>

#include "datasets/codecs_library.h"
#include "datasets/image_cost.h"
#include "datasets/image_header.h"
#include "datasets/jpeg_rows.h"
#include "datasets/png_rows.h"
#include "datasets/tiff_directory.h"
#include "runtime/core/file.h"

namespace graphrun::datasets {
namespace {

using Pixels = imaging::ImageForm::Pixels;

class FileSource final : public ByteSource {
 public:
  explicit FileSource(core::OpenFile file) : file_(std::move(file)) {}
  std::uint64_t size() const override { return static_cast<std::uint64_t>(file_.size()); }
  std::size_t read(std::uint64_t at, void* to, std::size_t count) const override {
    return file_.read_at(at, to, count);
  }

 private:
  core::OpenFile file_;
};

Status damaged(std::string reason) { return {ErrorCode::invalid_file, std::move(reason)}; }

Result<std::unique_ptr<RowReader>> open_tiff_rows(const ByteSource& source) {
  GRAPHRUN_ASSIGN(void* const function, codecs_function(kTiffRowsFunction));
  std::string reason;
  std::unique_ptr<RowReader> rows(reinterpret_cast<OpenTiff>(function)(source, reason));
  if (rows == nullptr) return damaged(std::move(reason));
  return rows;
}

// Grey, palettes and colours as 8-bit RGB, as libtiff's own reader of pictures makes them.
class PictureRows final : public RowReader {
 public:
  explicit PictureRows(std::unique_ptr<RowReader> rows) : rows_(std::move(rows)) {
    form_ = rows_->form();
    form_.channels = 3;
    form_.pixels = Pixels::u8;
    stored_.resize(static_cast<std::size_t>(rows_->form().row_bytes()));
  }

  static Status check(const StoredForm& stored) {
    if (stored.pixels == Pixels::f32)
      return {ErrorCode::unsupported, "has floating-point numbers, which are no picture"};
    if (stored.channels < 3 || stored.is_rgb) return {};
    return {ErrorCode::unsupported,
            "has " + std::to_string(stored.channels) + " channels that are no RGB picture"};
  }

  bool next(std::int64_t count, std::byte* out, std::string& reason) override {
    for (std::int64_t i = 0; i < count; ++i, out += form_.row_bytes()) {
      if (!rows_->next(1, stored_.data(), reason)) return false;
      write(reinterpret_cast<std::uint8_t*>(out));
    }
    return true;
  }

 private:
  int stored(std::int64_t at) const {
    if (rows_->form().pixels == Pixels::u8)
      return std::to_integer<int>(stored_[static_cast<std::size_t>(at)]);
    std::uint16_t value = 0;
    std::memcpy(&value, stored_.data() + 2 * at, sizeof(value));
    return value;
  }

  imaging::Color gray(int value) const {
    const StoredForm& form = rows_->form();
    if (!form.palette.empty()) return form.palette[static_cast<std::size_t>(value) % form.palette.size()];
    int byte = form.bits == 16 ? value >> 8 : value * 255 / ((1 << form.bits) - 1);
    if (form.white_is_zero) byte = 255 - byte;
    const auto shade = static_cast<std::uint8_t>(byte);
    return {shade, shade, shade};
  }

  void write(std::uint8_t* out) const {
    const StoredForm& form = rows_->form();
    const auto colored = [&](std::int64_t at) {
      const int value = stored(at);
      return static_cast<std::uint8_t>(form.bits == 16 ? (value + 128) / 257 : value);
    };
    for (std::int64_t x = 0; x < form.width; ++x, out += 3) {
      const std::int64_t at = x * form.channels;
      if (form.channels >= 3) {
        for (std::int64_t c = 0; c < 3; ++c) out[c] = colored(at + c);
      } else {
        const imaging::Color color = gray(stored(at));
        out[0] = color.r, out[1] = color.g, out[2] = color.b;
      }
    }
  }

  std::unique_ptr<RowReader> rows_;
  std::vector<std::byte> stored_;
};

// A decoder of several scans would visit each pixel as often as the file says.
Status limit_scans(const ByteSource& source, const ImageHeader& header) {
  if (source.size() > static_cast<std::uint64_t>(kMaxProgressiveBytes)) return {};
  std::string file(source.size(), '\0');
  file.resize(source.read(0, file.data(), file.size()));
  return limit_image_cost(file, header);
}

Result<std::unique_ptr<RowReader>> open_format(const ByteSource& source, const ImageHeader& header,
                                               bool as_picture) {
  if (header.format == ImageFormat::png) return open_png_rows(source, as_picture);
  if (header.format == ImageFormat::jpeg) {
    GRAPHRUN_TRY(limit_scans(source, header));
    return open_jpeg_rows(source, as_picture);
  }
  if (header.format != ImageFormat::tiff)
    return {ErrorCode::unsupported, "PNG, JPEG and TIFF files are read so, others as whole 8-bit pictures"};
  GRAPHRUN_ASSIGN(std::unique_ptr<RowReader> rows, open_tiff_rows(source));
  if (!as_picture) return rows;
  GRAPHRUN_TRY(PictureRows::check(rows->form()));
  return std::unique_ptr<RowReader>(std::make_unique<PictureRows>(std::move(rows)));
}

Status check_stored(const StoredForm& stored, const imaging::ImageForm& form) {
  if (!form.is_picture() && !stored.palette.empty())
    return damaged("has a palette, whose indices are no numbers of pixels");
  const bool fits = form.is_picture() || form.pixels == Pixels::f32 || form.pixels == stored.pixels;
  if (fits && (form.channels == stored.channels)) return {};
  return damaged("has " + imaging::describe({stored.channels, stored.pixels}) + " where " +
                 imaging::describe(form) + " are expected");
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_source(const std::filesystem::path& path) {
  GRAPHRUN_ASSIGN(core::OpenFile file, core::OpenFile::open(path));
  return std::unique_ptr<ByteSource>(std::make_unique<FileSource>(std::move(file)));
}

Result<std::unique_ptr<RowReader>> open_stored_rows(const ByteSource& source, bool as_picture) {
  constexpr std::size_t kBeginning = std::size_t{256} << 10;
  std::string beginning(kBeginning, '\0');
  beginning.resize(source.read(0, beginning.data(), beginning.size()));
  ImageHeader header{.format = ImageFormat::tiff};  // whose directory may stand at the end
  if (!TiffDirectory::is_tiff(beginning)) {
    GRAPHRUN_ASSIGN(header, parse_image_header(beginning));
  }
  GRAPHRUN_ASSIGN(std::unique_ptr<RowReader> rows, open_format(source, header, as_picture));
  if (header.format != ImageFormat::tiff) rows->set_orientation(header.orientation);
  return rows;
}

Result<std::unique_ptr<RowReader>> open_rows(const ByteSource& source, const imaging::ImageForm& form) {
  GRAPHRUN_ASSIGN(std::unique_ptr<RowReader> rows, open_stored_rows(source, form.is_picture()));
  GRAPHRUN_TRY(check_stored(rows->form(), form));
  return rows;
}

}  // namespace graphrun::datasets
