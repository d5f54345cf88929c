#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "graphrun/dtype.h"

// Images that go in and label maps that come out. In rows from the top, in a row pixels from the left.
namespace graphrun {

// An image in memory of the host that the caller owns. The channels of a pixel lie side by side.
//
//     std::vector<std::uint8_t> rgb = ...;                           // 3 * height * width bytes
//     labeler->label({rgb.data(), height, width});                   // RGB, one byte a channel, dense rows
//     labeler->label({frame, height, width, 3, graphrun::DType::u8, stride});  // rows of a larger picture
struct ImageView {
  const void* data = nullptr;
  std::int64_t height = 0;     // pixels
  std::int64_t width = 0;      // pixels
  std::int64_t channels = 3;   // as many as the model's image has
  DType dtype = DType::u8;     // u8, or f32: the same values, not scaled
  std::int64_t row_pitch = 0;  // bytes from the start of a row to that of the next; 0: rows are dense

  // Bytes of a row's pixels, and from one row to the next.
  std::int64_t row_bytes() const { return width * channels * static_cast<std::int64_t>(size_of(dtype)); }
  std::int64_t pitch() const { return row_pitch == 0 ? row_bytes() : row_pitch; }
};

// An image that owns its memory, row by row, the channels of a pixel side by side: 8-bit RGB as bytes, and
// whatever else there is (other channels, 16 bits, floating point) as the numbers that are stored.
struct Image {
  std::int64_t height = 0;        // pixels
  std::int64_t width = 0;         // pixels
  std::vector<std::uint8_t> rgb;  // three bytes a pixel; empty where there are `values`
  std::int64_t channels = 3;
  std::vector<float> values{};  // `channels` floats a pixel; empty where there is `rgb`

  bool is_rgb() const { return values.empty(); }
  operator ImageView() const {  // NOLINT: implicit on purpose
    if (is_rgb()) return {rgb.data(), height, width};
    return {values.data(), height, width, channels, DType::f32};
  }
};

struct Color {
  std::uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Color&) const = default;
};

// Number of a class, from 0.
using ClassId = std::uint16_t;

// Details that are wanted of an image's pixels besides their classes.
struct LabelDetails {
  bool confidence = false;     // LabelMap::confidence
  bool probabilities = false;  // LabelMap::probabilities
};

// The class of each pixel.
struct LabelMap {
  std::int64_t height = 0;   // pixels
  std::int64_t width = 0;    // pixels
  std::vector<ClassId> ids;  // height * width, row by row
  // Probability of each pixel's class, from the mean over all that the network saw of it; empty where nobody
  // asked for it.
  std::vector<float> confidence{};
  // Those of all classes, height * width numbers a class, class by class. A pixel's sum to 1, and the first
  // of the largest is that of its class. Empty where nobody asked for them.
  std::vector<float> probabilities{};

  bool empty() const { return ids.empty(); }
  // Precondition: 0 <= row < height, 0 <= column < width.
  ClassId at(std::int64_t row, std::int64_t column) const {
    return ids[static_cast<std::size_t>(row * width + column)];
  }
};

}  // namespace graphrun
