#include "datasets/codecs/opencv_codecs.h"

#include <exception>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <type_traits>

#include "datasets/codecs/opencv_picture.h"
#include "datasets/codecs/tiff_codec.h"

extern "C" bool graphrun_decode_image(std::string& file, graphrun::imaging::Image& image,
                                      std::string& reason) {
  using namespace graphrun;
  try {
    if (datasets::is_tiff(file)) return datasets::decode_tiff(file, image, reason);
    const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8U, file.data());
    const cv::Mat bgr = cv::imdecode(bytes, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION);
    reason = "is damaged, or of a kind that is not read";
    if (bgr.empty()) return false;
    datasets::take_rgb(bgr, image);
  } catch (const std::exception& error) {
    reason = std::string("cannot be decoded: ") + error.what();
    return false;
  }
  return true;
}
static_assert(std::is_same_v<decltype(&graphrun_decode_image), graphrun::datasets::DecodeImage>);
