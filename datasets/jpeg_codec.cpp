#include "datasets/jpeg_codec.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>  // before jpeglib.h, which needs it
#include <string>
#include <vector>

#include <jpeglib.h>

#include <jerror.h>  // after jpeglib.h: its numbers depend on the library's version

// libjpeg reports errors by a function that must not return. Everything with a destructor therefore lives
// outside the function that calls setjmp.
namespace graphrun::datasets {
namespace {

struct Failure {
  jpeg_error_mgr base;  // first: libjpeg knows this part alone
  std::jmp_buf jump;
};

// Warnings of files whose pixels are all there: oddities of their writers.
constexpr std::array kHarmless = {JWRN_ADOBE_XFORM, JWRN_BOGUS_ICC, JWRN_BOGUS_PROGRESSION, JWRN_JFIF_MAJOR,
                                  JWRN_NOT_SEQUENTIAL};
constexpr std::array kUnknown = {JERR_BAD_PRECISION, JERR_COMPONENT_COUNT, JERR_CONVERSION_NOTIMPL,
                                 JERR_NOT_COMPILED, JERR_SOF_UNSUPPORTED};
constexpr std::array kCutOff = {JWRN_JPEG_EOF, JERR_INPUT_EMPTY, JERR_INPUT_EOF};

template <std::size_t N>
bool contains(const std::array<J_MESSAGE_CODE, N>& codes, int code) {
  return std::ranges::find(codes, code) != codes.end();
}

// Bytes too many are harmless before the first scan. Behind one, writers leave a few; more are what remains
// when damage made the decoder lose its place.
bool is_harmless_excess(j_common_ptr info) {
  constexpr int kFew = 16;
  return info->err->msg_code == JWRN_EXTRANEOUS_DATA &&
         (info->err->msg_parm.i[0] <= kFew ||
          reinterpret_cast<j_decompress_ptr>(info)->input_scan_number == 0);
}

extern "C" {
static void on_failure(j_common_ptr info) { std::longjmp(reinterpret_cast<Failure*>(info->err)->jump, 1); }
// Negative levels are warnings: damage that libjpeg would paint over.
static void on_message(j_common_ptr info, int level) {
  if (level < 0 && !contains(kHarmless, info->err->msg_code) && !is_harmless_excess(info)) on_failure(info);
}
}

// Adobe's CMYK is inverted: 255 is no ink.
void cmyk_to_rgb(const std::uint8_t* from, std::uint8_t* to, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i, from += 4, to += 3) {
    const int black = from[3];
    for (int c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>(black - ((255 - from[c]) * black >> 8));
  }
}

class Decoder {
 public:
  Decoder() {
    info_.err = jpeg_std_error(&failure_.base);
    failure_.base.error_exit = on_failure;
    failure_.base.emit_message = on_message;
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info_); }

  // False: see error().
  bool decode(std::string_view file, const ImageHeader& header, imaging::Image* image) {
    if (setjmp(failure_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    jpeg_read_header(&info_, TRUE);
    if (info_.image_height != header.height || info_.image_width != header.width) {
      failure_.base.msg_code = JERR_NO_IMAGE;
      return false;
    }
    const bool inks = info_.num_components == 4;
    info_.out_color_space = inks ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    const std::size_t width = info_.output_width;
    image->rgb.resize(3 * width * info_.output_height);
    if (inks) ink_row_.resize(4 * width);
    while (info_.output_scanline < info_.output_height) {
      std::uint8_t* const to = image->rgb.data() + 3 * width * info_.output_scanline;
      JSAMPROW row = inks ? ink_row_.data() : to;
      jpeg_read_scanlines(&info_, &row, 1);
      if (inks) cmyk_to_rgb(row, to, width);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  Status error() {
    std::array<char, JMSG_LENGTH_MAX> text{};
    failure_.base.format_message(reinterpret_cast<j_common_ptr>(&info_), text.data());
    const int code = failure_.base.msg_code;
    if (contains(kUnknown, code))
      return {ErrorCode::unsupported, std::string("is a JPEG of a kind that is not read: ") + text.data()};
    return {ErrorCode::invalid_file,
            (contains(kCutOff, code) ? "is cut off: " : "is a damaged JPEG: ") + std::string(text.data())};
  }

 private:
  jpeg_decompress_struct info_{};
  Failure failure_{};
  std::vector<std::uint8_t> ink_row_;
};

}  // namespace

Result<imaging::Image> decode_jpeg(std::string_view file, const ImageHeader& header) {
  imaging::Image image{header.height, header.width, {}};
  Decoder decoder;
  if (!decoder.decode(file, header, &image)) return decoder.error();
  return image;
}

}  // namespace graphrun::datasets
