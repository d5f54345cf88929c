#include "datasets/png_row_writer.h"

#include <png.h>
#include <zlib.h>

#include <array>
#include <bit>
#include <csetjmp>
#include <string>

#include "datasets/png_errors.h"

// libpng reports errors by longjmp. Everything with a destructor therefore lives outside the functions that
// call setjmp, and what they change is reached through the object.
namespace graphrun::datasets {
namespace {

struct Output {
  ByteSink* sink;
  std::uint64_t at = 0;
};

extern "C" {
static void write_sink(png_structp png, png_bytep bytes, std::size_t count) {
  auto* output = static_cast<Output*>(png_get_io_ptr(png));
  if (!output->sink->write(output->at, bytes, count)) png_error(png, "the file cannot be written");
  output->at += count;
}
static void flush_sink(png_structp) {}
}

class PngWriter final : public RowWriter {
 public:
  PngWriter(ByteSink& sink, const IdPicture& form) : form_(form), output_{&sink} {
    for (std::size_t i = 0; i < std::min(colors_.size(), form.palette.size()); ++i)
      colors_[i] = {form.palette[i].r, form.palette[i].g, form.palette[i].b};
  }
  ~PngWriter() override { png_destroy_write_struct(&png_, &info_); }

  bool start() {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure_, on_png_error, on_png_warning);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    return info_ != nullptr && write_header();
  }

  bool write(std::int64_t count, const std::byte* rows, std::string& reason) override {
    const std::int64_t row_bytes = form_.width * (form_.wide ? 2 : 1);
    for (std::int64_t i = 0; i < count; ++i, rows += row_bytes) {
      if (write_row(rows)) continue;
      reason = this->reason();
      return false;
    }
    return true;
  }

  bool finish(std::string& reason) override {
    const bool written = write_end();
    if (!written) reason = this->reason();
    return written;
  }

  std::string reason() const { return std::string("cannot be written as PNG: ") + failure_.text; }

 private:
  bool write_header() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_write_fn(png_, &output_, write_sink, flush_sink);
    png_set_user_limits(png_, 1 << 20, 1 << 20);
    const bool colored = !form_.palette.empty() && !form_.wide;
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(form_.width), static_cast<png_uint_32>(form_.height),
                 form_.wide ? 16 : 8, colored ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    // As png_codec.cpp compresses label maps.
    png_set_compression_strategy(png_, Z_RLE);
    png_set_filter(png_, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
    if (colored) png_set_PLTE(png_, info_, colors_.data(), static_cast<int>(colors_.size()));
    png_write_info(png_, info_);
    if (form_.wide && std::endian::native == std::endian::little) png_set_swap(png_);
    return true;
  }

  bool write_row(const std::byte* row) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_write_row(png_, reinterpret_cast<png_const_bytep>(row));
    return true;
  }

  bool write_end() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_write_end(png_, nullptr);
    return true;
  }

  IdPicture form_;
  Output output_;
  PngFailure failure_;
  std::array<png_color, PNG_MAX_PALETTE_LENGTH> colors_{};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

}  // namespace

Result<std::unique_ptr<RowWriter>> create_png(ByteSink& sink, const IdPicture& form) {
  auto writer = std::make_unique<PngWriter>(sink, form);
  if (!writer->start()) return {ErrorCode::io, writer->reason()};
  return std::unique_ptr<RowWriter>(std::move(writer));
}

}  // namespace graphrun::datasets
