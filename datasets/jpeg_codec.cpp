#include "datasets/jpeg_codec.h"

#include <csetjmp>
#include <cstdio>  // before jpeglib.h, which needs it

#include <jpeglib.h>

// libjpeg reports errors by a function that must not return. Everything with a destructor therefore lives
// outside the function that calls setjmp.
namespace graphrun::datasets {
namespace {

struct Failure {
  jpeg_error_mgr base;  // first: libjpeg knows this part alone
  std::jmp_buf jump;
};

extern "C" {
static void on_failure(j_common_ptr info) { std::longjmp(reinterpret_cast<Failure*>(info->err)->jump, 1); }
// Negative levels are warnings: damage that libjpeg would paint over.
static void on_message(j_common_ptr info, int level) {
  if (level < 0) on_failure(info);
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

  bool decode(std::string_view file, const ImageHeader& header, imaging::Image* image) {
    if (setjmp(failure_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    jpeg_read_header(&info_, TRUE);
    const bool grey = info_.jpeg_color_space == JCS_GRAYSCALE && info_.num_components == 1;
    const bool color = info_.jpeg_color_space == JCS_YCbCr && info_.num_components == 3;
    if (!grey && !color) return false;
    if (info_.image_height != header.height || info_.image_width != header.width) return false;
    info_.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info_);
    const std::size_t pitch = 3 * static_cast<std::size_t>(info_.output_width);
    image->rgb.resize(pitch * info_.output_height);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = image->rgb.data() + pitch * info_.output_scanline;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

 private:
  jpeg_decompress_struct info_{};
  Failure failure_{};
};

}  // namespace

std::optional<imaging::Image> decode_plain_jpeg(std::string_view file, const ImageHeader& header) {
  if (header.format != ImageFormat::jpeg || header.oriented) return std::nullopt;
  imaging::Image image{header.height, header.width, {}};
  Decoder decoder;
  if (!decoder.decode(file, header, &image)) return std::nullopt;
  return image;
}

}  // namespace graphrun::datasets
