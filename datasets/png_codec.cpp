#include "datasets/png_codec.h"

#include <png.h>
#include <zlib.h>

#include <array>
#include <bit>
#include <csetjmp>
#include <cstring>
#include <vector>

#include "datasets/orientation.h"
#include "datasets/png_errors.h"

// libpng reports errors by longjmp. Everything with a destructor therefore lives outside the functions that
// call setjmp, and what they change is reached through pointers.
namespace graphrun::datasets {

namespace {

constexpr char kCutOff[] = "the file ends too early";

extern "C" {
static void read_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto* rest = static_cast<std::string_view*>(png_get_io_ptr(png));
  if (rest->size() < count) png_error(png, kCutOff);
  std::memcpy(out, rest->data(), count);
  rest->remove_prefix(count);
}
// An exception must not pass through libpng's frames, and a jump must not leave a handler.
static bool append_bytes(std::string& out, png_bytep bytes, std::size_t count) {
  try {
    out.append(reinterpret_cast<const char*>(bytes), count);
    return true;
  } catch (...) {
    return false;
  }
}
static void write_bytes(png_structp png, png_bytep bytes, std::size_t count) {
  auto* out = static_cast<std::string*>(png_get_io_ptr(png));
  if (!append_bytes(*out, bytes, count)) png_error(png, "no memory for the file");
}
static void flush_bytes(png_structp) {}
}

struct Reader {
  PngFailure error;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &error, on_png_error, on_png_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

struct Writer {
  PngFailure error;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &error, on_png_error, on_png_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }
};

struct PaletteView {
  png_colorp colors = nullptr;
  int count = 0;
};

enum class Pixels { stored, rgb };

// stored: one sample a pixel, one byte, or two in the machine's order for 16 bits. rgb: three bytes, of 16
// bits the higher ones, without transparency.
void set_pixels(png_structp png, const ImageHeader& header, Pixels pixels) {
  if (pixels == Pixels::stored) {
    png_set_packing(png);
    if (header.bit_depth == 16 && std::endian::native == std::endian::little) png_set_swap(png);
    return;
  }
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  if (header.color == PngColor::palette) png_set_palette_to_rgb(png);
  if (header.color == PngColor::gray && header.bit_depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  png_set_gray_to_rgb(png);
}

// Fills the rows. The file is read to its end, where the last checksums are.
bool read_rows(Reader& reader, std::string_view* rest, const ImageHeader& header, Pixels pixels,
               png_bytepp rows, std::size_t row_bytes, PaletteView* palette) {
  png_structp png = reader.png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_read_fn(png, rest, read_bytes);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_read_info(png, reader.info);
  if (png_get_image_width(png, reader.info) != static_cast<png_uint_32>(header.width) ||
      png_get_image_height(png, reader.info) != static_cast<png_uint_32>(header.height)) {
    png_error(png, "the header changes its size");
  }
  set_pixels(png, header, pixels);
  png_set_interlace_handling(png);
  png_read_update_info(png, reader.info);
  if (png_get_rowbytes(png, reader.info) != row_bytes) png_error(png, "the rows have an unexpected length");
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  png_get_PLTE(png, reader.info, &palette->colors, &palette->count);
  return true;
}

Status reading_error(const PngFailure& error) {
  const bool cut = std::string_view(error.text) == kCutOff;
  return {ErrorCode::invalid_file,
          cut ? "is cut off: the PNG ends too early" : std::string("is a damaged PNG: ") + error.text};
}

struct PngForm {
  std::int64_t height;
  std::int64_t width;
  PngColor color;
  int bit_depth;  // of a sample: 8 or 16, these in the machine's order in memory
};

bool write_rows(Writer& writer, std::string* out, const PngForm& form, png_bytepp rows,
                png_const_colorp palette) {
  png_structp png = writer.png;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_write_fn(png, out, write_bytes, flush_bytes);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_IHDR(png, writer.info, static_cast<png_uint_32>(form.width), static_cast<png_uint_32>(form.height),
               form.bit_depth, static_cast<int>(form.color), PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  // What filters leave of label maps, and of label colours over photographs, is runs: searching for other
  // repetitions takes five times as long and gains 1 %.
  png_set_compression_strategy(png, Z_RLE);
  if (form.color != PngColor::rgb) png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
  if (form.color == PngColor::palette) png_set_PLTE(png, writer.info, palette, PNG_MAX_PALETTE_LENGTH);
  png_write_info(png, writer.info);
  if (form.bit_depth == 16 && std::endian::native == std::endian::little) png_set_swap(png);
  png_write_image(png, rows);
  png_write_end(png, nullptr);
  return true;
}

// Deflate shrinks at most about 1032 to 1, so that a short file cannot ask for much memory.
bool too_short(const ImageHeader& header, std::int64_t samples_of_pixel, std::size_t file_bytes) {
  const std::int64_t bits = header.bit_depth * samples_of_pixel;
  return header.height * header.width / 8 * bits > static_cast<std::int64_t>(file_bytes) * 1040;
}

Status too_short_error() { return {ErrorCode::invalid_file, "is too short for the size that it claims"}; }

// unsupported: a good file that holds no ids.
Status check_label_header(const ImageHeader& header, std::string_view file) {
  const auto refused = [](const std::string& what) { return Status(ErrorCode::unsupported, what); };
  if (header.format == ImageFormat::jpeg)
    return refused(describe_content(file) + ", whose compression changes ids: export labels as PNG");
  if (header.format != ImageFormat::png)
    return refused(describe_content(file) + ": export labels as grey or palette PNG of ids");
  if (header.color == PngColor::gray_alpha)
    return refused("has an alpha channel: a label is a grey or palette PNG of ids");
  if (header.color != PngColor::gray && header.color != PngColor::palette) {
    const Result<imaging::Image> image = decode_png(file, header);
    if (image.ok() && has_equal_channels(*image)) {
      return refused(
          "is grey saved as RGB, its three channels are equal: save it with one channel, or let `grun data "
          "init` describe the folder");
    }
    return refused(
        "is an RGB colour picture, not label ids: a label is a grey or palette PNG of ids, or the label rule "
        "says \"colors\": true");
  }
  return too_short(header, 1, file.size()) ? too_short_error() : Status();
}

}  // namespace

bool has_equal_channels(const imaging::Image& image) {
  for (std::size_t i = 0; i + 2 < image.rgb.size(); i += 3) {
    if (image.rgb[i] != image.rgb[i + 1] || image.rgb[i] != image.rgb[i + 2]) return false;
  }
  return true;
}

Result<LabelImage> decode_label_png(std::string_view file) {
  GRAPHRUN_ASSIGN(const ImageHeader header, read_image_header(file, "labels are PNG files"));
  GRAPHRUN_TRY(check_label_header(header, file));
  const bool wide = header.bit_depth == 16;
  const auto width = static_cast<std::size_t>(header.width);
  const auto height = static_cast<std::size_t>(header.height);
  LabelImage label{header.height, header.width, std::vector<std::uint16_t>(width * height), {}};
  std::vector<std::uint8_t> bytes(wide ? 0 : width * height);
  auto* pixels = wide ? reinterpret_cast<std::uint8_t*>(label.ids.data()) : bytes.data();
  const std::size_t row_bytes = width * (wide ? 2 : 1);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = pixels + y * row_bytes;

  Reader reader;
  if (reader.info == nullptr) return Status(ErrorCode::out_of_memory, "no memory for the PNG reader");
  PaletteView palette;
  if (!read_rows(reader, &file, header, Pixels::stored, rows.data(), row_bytes, &palette))
    return reading_error(reader.error);
  if (!wide) label.ids.assign(bytes.begin(), bytes.end());
  if (header.color == PngColor::palette) {
    for (int i = 0; i < palette.count; ++i) {
      label.palette.push_back({palette.colors[i].red, palette.colors[i].green, palette.colors[i].blue});
    }
  }
  return upright(std::move(label), header.orientation);
}

Result<imaging::Image> decode_png(std::string_view file, const ImageHeader& header) {
  const bool color = header.color == PngColor::rgb || header.color == PngColor::rgb_alpha;
  if (too_short(header, color ? 3 : 1, file.size())) return too_short_error();
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(header.width);
  const auto height = static_cast<std::size_t>(header.height);
  imaging::Image image{header.height, header.width, std::vector<std::uint8_t>(row_bytes * height)};
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = image.rgb.data() + y * row_bytes;
  Reader reader;
  PaletteView palette;
  if (reader.info == nullptr) return Status(ErrorCode::out_of_memory, "no memory for the PNG reader");
  if (!read_rows(reader, &file, header, Pixels::rgb, rows.data(), row_bytes, &palette))
    return reading_error(reader.error);
  return image;
}

namespace {

Result<std::string> encode(std::span<const std::uint8_t> pixels, const PngForm& form,
                           std::span<const imaging::Color> palette) {
  const std::int64_t row_bytes = form.width * (form.color == PngColor::rgb ? 3 : 1) * (form.bit_depth / 8);
  if (form.height < 1 || form.width < 1 ||
      static_cast<std::int64_t>(pixels.size()) != form.height * row_bytes) {
    return Status(ErrorCode::invalid_argument, "the pixels do not fill " + std::to_string(form.width) +
                                                   " x " + std::to_string(form.height));
  }
  std::array<png_color, PNG_MAX_PALETTE_LENGTH> colors{};
  if (palette.size() > colors.size()) return Status(ErrorCode::invalid_argument, "more than 256 colours");
  for (std::size_t i = 0; i < palette.size(); ++i) colors[i] = {palette[i].r, palette[i].g, palette[i].b};
  std::vector<png_bytep> rows(static_cast<std::size_t>(form.height));
  for (std::size_t y = 0; y < rows.size(); ++y) {
    // libpng's interface is not const-correct: png_write_image does not change the rows.
    rows[y] = const_cast<png_bytep>(pixels.data()) + y * static_cast<std::size_t>(row_bytes);
  }
  std::string out;
  Writer writer;
  if (writer.info == nullptr) return Status(ErrorCode::out_of_memory, "no memory for the PNG writer");
  if (!write_rows(writer, &out, form, rows.data(), colors.data())) {
    return Status(ErrorCode::internal, std::string("libpng: ") + writer.error.text);
  }
  return out;
}

}  // namespace

Result<std::string> encode_png(std::span<const std::uint8_t> pixels, std::int64_t height, std::int64_t width,
                               PngColor color, std::span<const imaging::Color> palette) {
  return encode(pixels, {height, width, color, 8}, palette);
}

Result<std::string> encode_wide_png(std::span<const std::uint16_t> pixels, std::int64_t height,
                                    std::int64_t width) {
  return encode({reinterpret_cast<const std::uint8_t*>(pixels.data()), pixels.size_bytes()},
                {height, width, PngColor::gray, 16}, {});
}

}  // namespace graphrun::datasets
