#include "datasets/jpeg_rows.h"

#include <string>
#include <vector>

#include "datasets/jpeg_errors.h"

#include <jerror.h>  // after jpeglib.h: its numbers depend on the library's version

namespace graphrun::datasets {
namespace {

// What libjpeg reads from.
struct Input {
  jpeg_source_mgr base;  // first: libjpeg knows this part alone
  const ByteSource* source;
  std::uint64_t at;
  std::array<JOCTET, 1 << 16> bytes;
};

Input& input_of(j_decompress_ptr info) { return *reinterpret_cast<Input*>(info->src); }

extern "C" {
static void nothing(j_decompress_ptr) {}
static boolean fill(j_decompress_ptr info) {
  Input& input = input_of(info);
  const std::size_t got = input.source->read(input.at, input.bytes.data(), input.bytes.size());
  if (got == 0) ERREXIT(info, JERR_INPUT_EOF);
  input.at += got;
  input.base.next_input_byte = input.bytes.data();
  input.base.bytes_in_buffer = got;
  return TRUE;
}
static void skip(j_decompress_ptr info, long count) {
  Input& input = input_of(info);
  if (count <= 0) return;
  const auto wanted = static_cast<std::size_t>(count);
  if (wanted <= input.base.bytes_in_buffer) {
    input.base.next_input_byte += wanted;
    input.base.bytes_in_buffer -= wanted;
    return;
  }
  input.at += wanted - input.base.bytes_in_buffer;
  input.base.bytes_in_buffer = 0;
}
}

class JpegRows final : public RowReader {
 public:
  JpegRows(const ByteSource& source, bool as_picture) : as_picture_(as_picture) {
    jump_at_damage(info_, failure_);
    input_.source = &source;
    input_.at = 0;
  }
  ~JpegRows() override { jpeg_destroy_decompress(&info_); }

  Status start() {
    if (!read_header()) return jpeg_error(info_, failure_);
    form_.width = info_.image_width;
    form_.height = info_.image_height;
    if (jpeg_has_multiple_scans(&info_) != 0) {
      constexpr std::int64_t kBytesOfCoefficient = 2;
      const std::int64_t bytes = form_.width * form_.height * info_.num_components * kBytesOfCoefficient;
      if (bytes > kMaxProgressiveBytes) {
        return {ErrorCode::invalid_file, "is a progressive JPEG that takes " + std::to_string(bytes >> 20) +
                                             " MiB, which has no rows in their order: save it as baseline"};
      }
    }
    if (!begin()) return jpeg_error(info_, failure_);
    form_.channels = info_.out_color_space == JCS_GRAYSCALE ? 1 : 3;
    ink_row_.resize(info_.out_color_space == JCS_CMYK ? 4 * static_cast<std::size_t>(form_.width) : 0);
    return {};
  }

  bool next(std::int64_t count, std::byte* out, std::string& reason) override {
    for (std::int64_t i = 0; i < count; ++i, out += form_.row_bytes()) {
      if (read_row(reinterpret_cast<std::uint8_t*>(out))) continue;
      reason = jpeg_error(info_, failure_).message();
      return false;
    }
    return true;
  }

 private:
  bool read_header() {
    if (setjmp(failure_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    input_.base.init_source = nothing;
    input_.base.fill_input_buffer = fill;
    input_.base.skip_input_data = skip;
    input_.base.resync_to_restart = jpeg_resync_to_restart;
    input_.base.term_source = nothing;
    input_.base.bytes_in_buffer = 0;
    info_.src = &input_.base;
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  bool begin() {
    if (setjmp(failure_.jump) != 0) return false;
    const bool gray = info_.num_components == 1 && !as_picture_;
    info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : gray ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&info_);
    return true;
  }

  bool read_row(std::uint8_t* out) {
    if (setjmp(failure_.jump) != 0) return false;
    JSAMPROW row = ink_row_.empty() ? out : ink_row_.data();
    jpeg_read_scanlines(&info_, &row, 1);
    if (!ink_row_.empty()) cmyk_to_rgb(row, out, static_cast<std::size_t>(form_.width));
    if (info_.output_scanline == info_.output_height) jpeg_finish_decompress(&info_);
    return true;
  }

  jpeg_decompress_struct info_{};
  JpegFailure failure_{};
  Input input_{};
  bool as_picture_;
  std::vector<std::uint8_t> ink_row_;
};

}  // namespace

Result<std::unique_ptr<RowReader>> open_jpeg_rows(const ByteSource& source, bool as_picture) {
  auto rows = std::make_unique<JpegRows>(source, as_picture);
  GRAPHRUN_TRY(rows->start());
  return std::unique_ptr<RowReader>(std::move(rows));
}

}  // namespace graphrun::datasets
