#include "datasets/png_rows.h"

#include <png.h>

#include <bit>
#include <csetjmp>
#include <cstring>
#include <string>
#include <vector>

#include "datasets/png_errors.h"

// libpng reports errors by longjmp. Everything with a destructor therefore lives outside the functions that
// call setjmp, and what they change is reached through the object.
namespace graphrun::datasets {
namespace {

struct Input {
  const ByteSource* source;
  std::uint64_t at = 0;
};

extern "C" {
static void read_source(png_structp png, png_bytep out, std::size_t count) {
  auto* input = static_cast<Input*>(png_get_io_ptr(png));
  if (input->source->read(input->at, out, count) != count) png_error(png, "the file ends too early");
  input->at += count;
}
}

class PngRows final : public RowReader {
 public:
  PngRows(const ByteSource& source, bool as_picture) : input_{&source}, as_picture_(as_picture) {}
  ~PngRows() override { png_destroy_read_struct(&png_, &info_, nullptr); }

  bool start() {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure_, on_png_error, on_png_warning);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (info_ == nullptr || !begin() || !describe()) return false;
    if (!interlaced_) return true;
    if (form_.height * form_.row_bytes() > kMaxInterlacedBytes) {
      return refuse("is an interlaced PNG of more than " + std::to_string(kMaxInterlacedBytes >> 20) +
                    " MiB, which has no rows in their order: save it without interlacing");
    }
    whole_.resize(static_cast<std::size_t>(form_.height * form_.row_bytes()));
    for (std::int64_t y = 0; y < form_.height; ++y)
      rows_.push_back(reinterpret_cast<png_bytep>(whole_.data()) + y * form_.row_bytes());
    return read_whole();
  }

  bool next(std::int64_t count, std::byte* out, std::string& reason) override {
    if (interlaced_) {
      std::memcpy(out, whole_.data() + row_ * form_.row_bytes(),
                  static_cast<std::size_t>(count * form_.row_bytes()));
      row_ += count;
      return true;
    }
    for (std::int64_t i = 0; i < count; ++i, out += form_.row_bytes()) {
      if (read_row(reinterpret_cast<png_bytep>(out))) continue;
      reason = this->reason();
      return false;
    }
    return true;
  }

  std::string reason() const {
    if (!refused_.empty()) return refused_;
    return std::string("is a damaged PNG, or cut off: ") + failure_.text;
  }

 private:
  bool refuse(const std::string& why) {
    refused_ = why;
    return false;
  }

  bool begin() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_read_fn(png_, &input_, read_source);
    png_set_user_limits(png_, 1 << 20, 1 << 20);
    // Texts and profiles, which may grow a thousandfold, are passed over with all that the numbers do not
    // need.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    color_ = png_get_color_type(png_, info_);
    depth_ = png_get_bit_depth(png_, info_);
    interlaced_ = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
    if (as_picture_) {
      png_set_strip_16(png_);
      png_set_strip_alpha(png_);
      if (color_ == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
      if (color_ == PNG_COLOR_TYPE_GRAY && depth_ < 8) png_set_expand_gray_1_2_4_to_8(png_);
      png_set_gray_to_rgb(png_);
    } else {
      png_set_packing(png_);
      if (depth_ == 16 && std::endian::native == std::endian::little) png_set_swap(png_);
    }
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool describe() {
    form_.width = png_get_image_width(png_, info_);
    form_.height = png_get_image_height(png_, info_);
    form_.bits = as_picture_ ? 8 : depth_;
    form_.pixels = form_.bits == 16 ? imaging::ImageForm::Pixels::u16 : imaging::ImageForm::Pixels::u8;
    form_.channels = png_get_channels(png_, info_);
    if (png_get_rowbytes(png_, info_) != static_cast<std::size_t>(form_.row_bytes()))
      return refuse("is a PNG of rows of an unexpected length");
    png_colorp colors = nullptr;
    int count = 0;
    if (!as_picture_ && color_ == PNG_COLOR_TYPE_PALETTE) png_get_PLTE(png_, info_, &colors, &count);
    for (int i = 0; i < count; ++i) form_.palette.push_back({colors[i].red, colors[i].green, colors[i].blue});
    return true;
  }

  bool read_whole() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_image(png_, rows_.data());
    png_read_end(png_, nullptr);
    return true;
  }

  bool read_row(png_bytep out) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_row(png_, out, nullptr);
    if (++row_ == form_.height) png_read_end(png_, nullptr);  // where the last checksums are
    return true;
  }

  Input input_;
  bool as_picture_;
  PngFailure failure_;
  std::string refused_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int color_ = 0;
  int depth_ = 8;
  bool interlaced_ = false;
  std::int64_t row_ = 0;
  std::vector<std::byte> whole_;  // of an interlaced picture
  std::vector<png_bytep> rows_;
};

}  // namespace

Result<std::unique_ptr<RowReader>> open_png_rows(const ByteSource& source, bool as_picture) {
  auto rows = std::make_unique<PngRows>(source, as_picture);
  if (!rows->start()) return {ErrorCode::invalid_file, rows->reason()};
  return std::unique_ptr<RowReader>(std::move(rows));
}

}  // namespace graphrun::datasets
