#include "datasets/opencv_codecs.h"

#include <exception>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <type_traits>

extern "C" bool graphrun_decode_image(std::string& file, graphrun::imaging::Image& image,
                                      std::string& reason) {
  try {
    const cv::Mat bytes(1, static_cast<int>(file.size()), CV_8U, file.data());
    const cv::Mat bgr = cv::imdecode(bytes, cv::IMREAD_COLOR);
    reason = "cannot be decoded";
    if (bgr.empty()) return false;
    image.height = bgr.rows;
    image.width = bgr.cols;
    image.rgb.resize(bgr.total() * 3);
    cv::Mat rgb(bgr.rows, bgr.cols, CV_8UC3, image.rgb.data());
    cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  } catch (const std::exception& error) {
    reason = std::string("cannot be decoded: ") + error.what();
    return false;
  }
  return true;
}
static_assert(std::is_same_v<decltype(&graphrun_decode_image), graphrun::datasets::DecodeImage>);
