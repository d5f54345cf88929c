#include "datasets/jpeg_encoder.h"

#include <array>
#include <csetjmp>
#include <cstdio>  // before jpeglib.h, which needs it
#include <cstdlib>

#include <jpeglib.h>

// libjpeg reports errors by a function that must not return: see jpeg_codec.cpp.
namespace graphrun::datasets {
namespace {

struct Failure {
  jpeg_error_mgr base;  // first: libjpeg knows this part alone
  std::jmp_buf jump;
};

extern "C" {
static void on_encoder_failure(j_common_ptr info) {
  std::longjmp(reinterpret_cast<Failure*>(info->err)->jump, 1);
}
}

class Encoder {
 public:
  Encoder() {
    info_.err = jpeg_std_error(&failure_.base);
    failure_.base.error_exit = on_encoder_failure;
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() {
    jpeg_destroy_compress(&info_);
    std::free(bytes_);
  }

  // False: see reason().
  bool encode(const imaging::Image& image, int quality) {
    if (setjmp(failure_.jump) != 0) return false;
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &bytes_, &size_);
    info_.image_width = static_cast<JDIMENSION>(image.width);
    info_.image_height = static_cast<JDIMENSION>(image.height);
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    info_.optimize_coding = TRUE;
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      // libjpeg reads rows through a pointer that is not const.
      auto* row = const_cast<JSAMPROW>(image.rgb.data() + 3 * image.width * info_.next_scanline);
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }

  std::string bytes() const { return {reinterpret_cast<const char*>(bytes_), size_}; }
  std::string reason() {
    std::array<char, JMSG_LENGTH_MAX> text{};
    failure_.base.format_message(reinterpret_cast<j_common_ptr>(&info_), text.data());
    return text.data();
  }

 private:
  jpeg_compress_struct info_{};
  Failure failure_{};
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;  // NOLINT(google-runtime-int): libjpeg's type
};

}  // namespace

Result<std::string> encode_jpeg(const imaging::Image& image, int quality) {
  Encoder encoder;
  if (!encoder.encode(image, quality)) return Status(ErrorCode::unsupported, "as JPEG: " + encoder.reason());
  return encoder.bytes();
}

}  // namespace graphrun::datasets
