#pragma once

#include <opencv2/core.hpp>

#include <array>
#include <cstdint>

#include "datasets/sample.h"

// The geometric steps of augmentation on float images, one function each. They throw what OpenCV throws.
namespace graphrun {

// An image under augmentation: CV_32FC3 RGB in 0..255, and class ids CV_8UC1 of the same size, or no label.
struct Canvas {
  cv::Mat image;
  cv::Mat label;
};

// Copies the sample's pixels.
Canvas make_canvas(const Sample& sample);

// Both sides times `factor`: bilinear for the image, nearest for the label.
void scale(Canvas& canvas, double factor);
// Turns around the centre by `degrees` counter-clockwise, size kept; corners get `mean` and kIgnoredClass.
void rotate(Canvas& canvas, double degrees, const std::array<double, 3>& mean);
// Gaussian, 5 x 5, with the deviation that OpenCV derives from that size (1.1).
void blur(Canvas& canvas);

// What part of the canvas becomes the network's input.
struct Window {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t top = 0;  // row of the (flipped, padded) canvas; see window_room
  std::int64_t left = 0;
  bool flip = false;  // left and right exchanged, before anything else
};

// How many rows (columns) a window of this extent can be moved on a canvas side; 0 where the canvas is no
// larger. A smaller canvas is padded to the extent, half of it (rounded down) before.
std::int64_t window_room(std::int64_t canvas_side, std::int64_t extent);

// Writes (pixel - mean) / std as (height, width, 3) and the class ids as (height, width), with ignore_label
// for kIgnoredClass. Padding is mean, that is 0, and ignore_label. `label` may be null.
void write_window(const Canvas& canvas, const Window& window, const std::array<double, 3>& mean,
                  const std::array<double, 3>& std, std::int32_t ignore_label, float* image,
                  std::int32_t* label);

}  // namespace graphrun
