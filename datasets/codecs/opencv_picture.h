#pragma once

#include <algorithm>
#include <cstdint>
#include <opencv2/core.hpp>

#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// A picture of OpenCV's, 8-bit BGR, as RGB. Not by OpenCV, whose own threads would come beside the loader's.
inline void take_rgb(const cv::Mat& bgr, imaging::Image& image) {
  image.height = bgr.rows;
  image.width = bgr.cols;
  image.rgb.resize(bgr.total() * 3);
  std::uint8_t* to = image.rgb.data();
  for (int row = 0; row < bgr.rows; ++row) {
    const auto* from = bgr.ptr<std::uint8_t>(row);
    for (int column = 0; column < bgr.cols; ++column, from += 3, to += 3)
      std::reverse_copy(from, from + 3, to);
  }
}

}  // namespace graphrun::datasets
