#include "datasets/transform.h"

#include <opencv2/imgproc.hpp>

#include <algorithm>

namespace graphrun {

Canvas make_canvas(const Sample& sample) {
  Canvas canvas;
  // OpenCV has no read-only matrix header; neither is written to.
  const cv::Mat rgb(static_cast<int>(sample.image.height), static_cast<int>(sample.image.width), CV_8UC3,
                    const_cast<std::uint8_t*>(sample.image.rgb.data()));
  rgb.convertTo(canvas.image, CV_32F);
  if (!sample.label.empty()) {
    const cv::Mat ids(static_cast<int>(sample.label.height), static_cast<int>(sample.label.width), CV_8U,
                      const_cast<std::uint8_t*>(sample.label.ids.data()));
    canvas.label = ids.clone();
  }
  return canvas;
}

void scale(Canvas& canvas, double factor) {
  cv::Mat scaled;
  cv::resize(canvas.image, scaled, cv::Size(), factor, factor, cv::INTER_LINEAR);
  canvas.image = scaled;
  if (canvas.label.empty()) return;
  cv::Mat ids;
  cv::resize(canvas.label, ids, cv::Size(), factor, factor, cv::INTER_NEAREST);
  canvas.label = ids;
}

void rotate(Canvas& canvas, double degrees, const std::array<double, 3>& mean) {
  const cv::Size size = canvas.image.size();
  const cv::Point2f center(static_cast<float>(size.width) / 2, static_cast<float>(size.height) / 2);
  const cv::Mat matrix = cv::getRotationMatrix2D(center, degrees, 1);
  cv::Mat turned;
  cv::warpAffine(canvas.image, turned, matrix, size, cv::INTER_LINEAR, cv::BORDER_CONSTANT,
                 cv::Scalar(mean[0], mean[1], mean[2]));
  canvas.image = turned;
  if (canvas.label.empty()) return;
  cv::Mat ids;
  cv::warpAffine(canvas.label, ids, matrix, size, cv::INTER_NEAREST, cv::BORDER_CONSTANT,
                 cv::Scalar(kIgnoredClass));
  canvas.label = ids;
}

void blur(Canvas& canvas) {
  cv::Mat smooth;
  cv::GaussianBlur(canvas.image, smooth, cv::Size(5, 5), 0);
  canvas.image = smooth;
}

std::int64_t window_room(std::int64_t canvas_side, std::int64_t extent) {
  return std::max<std::int64_t>(canvas_side - extent, 0);
}

void write_window(const Canvas& canvas, const Window& window, const std::array<double, 3>& mean,
                  const std::array<double, 3>& std, std::int32_t ignore_label, float* image,
                  std::int32_t* label) {
  const std::int64_t rows = canvas.image.rows;
  const std::int64_t columns = canvas.image.cols;
  // Window row y shows canvas row y + shift_y, and so for columns; outside lies padding.
  const std::int64_t shift_y = window.top - std::max<std::int64_t>(window.height - rows, 0) / 2;
  const std::int64_t shift_x = window.left - std::max<std::int64_t>(window.width - columns, 0) / 2;
  const std::int64_t first = std::clamp<std::int64_t>(-shift_x, 0, window.width);
  const std::int64_t last = std::clamp<std::int64_t>(columns - shift_x, first, window.width);
  const std::int64_t step = window.flip ? -1 : 1;
  const std::int64_t start = window.flip ? columns - 1 - (first + shift_x) : first + shift_x;
  const float m[3] = {static_cast<float>(mean[0]), static_cast<float>(mean[1]), static_cast<float>(mean[2])};
  const float s[3] = {static_cast<float>(std[0]), static_cast<float>(std[1]), static_cast<float>(std[2])};
  for (std::int64_t y = 0; y < window.height; ++y) {
    const std::int64_t row = y + shift_y;
    const bool inside = row >= 0 && row < rows;
    const std::int64_t from = inside ? first : window.width;
    const std::int64_t to = inside ? last : window.width;
    float* out = image + y * window.width * 3;
    std::fill(out, out + from * 3, 0.0F);
    std::fill(out + to * 3, out + window.width * 3, 0.0F);
    if (inside) {
      const float* in = canvas.image.ptr<float>(static_cast<int>(row)) + start * 3;
      for (std::int64_t x = from; x < to; ++x, in += step * 3) {
        for (int c = 0; c < 3; ++c) out[x * 3 + c] = (in[c] - m[c]) / s[c];
      }
    }
    if (label == nullptr) continue;
    std::int32_t* ids = label + y * window.width;
    std::fill(ids, ids + from, ignore_label);
    std::fill(ids + to, ids + window.width, ignore_label);
    if (inside) {
      const std::uint8_t* in = canvas.label.ptr<std::uint8_t>(static_cast<int>(row)) + start;
      for (std::int64_t x = from; x < to; ++x, in += step) ids[x] = *in == kIgnoredClass ? ignore_label : *in;
    }
  }
}

}  // namespace graphrun
