#include "datasets/jpeg_codec.h"

#include <vector>

#include "datasets/jpeg_errors.h"

#include <jerror.h>  // after jpeglib.h: its numbers depend on the library's version

namespace graphrun::datasets {
namespace {

class Decoder {
 public:
  Decoder() { jump_at_damage(info_, failure_); }
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

  Status error() { return jpeg_error(info_, failure_); }

 private:
  jpeg_decompress_struct info_{};
  JpegFailure failure_{};
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
