#include "datasets/jpeg_errors.h"

#include <algorithm>
#include <string>

#include <jerror.h>  // after jpeglib.h: its numbers depend on the library's version

namespace graphrun::datasets {
namespace {

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
static void on_failure(j_common_ptr info) {
  std::longjmp(reinterpret_cast<JpegFailure*>(info->err)->jump, 1);
}
// Negative levels are warnings: damage that libjpeg would paint over.
static void on_message(j_common_ptr info, int level) {
  if (level < 0 && !contains(kHarmless, info->err->msg_code) && !is_harmless_excess(info)) on_failure(info);
}
}

}  // namespace

void jump_at_damage(jpeg_decompress_struct& info, JpegFailure& failure) {
  info.err = jpeg_std_error(&failure.base);
  failure.base.error_exit = on_failure;
  failure.base.emit_message = on_message;
}

Status jpeg_error(jpeg_decompress_struct& info, JpegFailure& failure) {
  std::array<char, JMSG_LENGTH_MAX> text{};
  failure.base.format_message(reinterpret_cast<j_common_ptr>(&info), text.data());
  const int code = failure.base.msg_code;
  if (contains(kUnknown, code))
    return {ErrorCode::unsupported, std::string("is a JPEG of a kind that is not read: ") + text.data()};
  return {ErrorCode::invalid_file,
          (contains(kCutOff, code) ? "is cut off: " : "is a damaged JPEG: ") + std::string(text.data())};
}

void cmyk_to_rgb(const std::uint8_t* from, std::uint8_t* to, std::size_t pixels) {
  for (std::size_t i = 0; i < pixels; ++i, from += 4, to += 3) {
    const int black = from[3];
    for (int c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>(black - ((255 - from[c]) * black >> 8));
  }
}

}  // namespace graphrun::datasets
