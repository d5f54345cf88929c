#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace graphrun::imaging {

// Images and label maps have at most this many pixels; a header that claims more is an error before any
// allocation.
inline constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;
// Class ids run from 0 to kMaxClasses - 1; in a label map kIgnoredClass marks pixels that count nowhere.
inline constexpr int kMaxClasses = 255;
inline constexpr std::uint8_t kIgnoredClass = 255;

// Pixels.
struct Extent {
  std::int64_t height = 0;
  std::int64_t width = 0;
  auto operator<=>(const Extent&) const = default;
};

struct Color {
  std::uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Color&) const = default;
};

// 8-bit RGB, row by row, three bytes a pixel.
struct Image {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> rgb;
};

// Class ids, row by row: 0 .. classes - 1 or kIgnoredClass. Empty where a sample has no label.
struct LabelMap {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> ids;
  bool empty() const { return ids.empty(); }
};

}  // namespace graphrun::imaging
