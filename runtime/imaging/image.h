#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "graphrun/image.h"

namespace graphrun::imaging {

// Images and label maps have at most this many pixels; a header that claims more is an error before any
// allocation.
inline constexpr std::int64_t kMaxPixels = std::int64_t{1} << 28;
// Channels of an image.
inline constexpr std::int64_t kMaxChannels = 64;
// Class ids run from 0 to kMaxClasses - 1; in a label map kIgnoredClass marks pixels that count nowhere.
inline constexpr int kMaxClasses = 4096;
inline constexpr ClassId kIgnoredClass = 65535;
// Pictures of so many classes and fewer have 8 bits a pixel, in which kByteIgnored stands for kIgnoredClass.
inline constexpr int kMaxByteClasses = 255;
inline constexpr std::uint8_t kByteIgnored = 255;

// Pixels.
struct Extent {
  std::int64_t height = 0;
  std::int64_t width = 0;
  auto operator<=>(const Extent&) const = default;  // NOLINT(modernize-use-nullptr): there is none
};

using graphrun::Color;

using graphrun::Image;

// Ids of a label that a data set has may be kIgnoredClass; empty where a sample has no label.
using graphrun::LabelMap;

}  // namespace graphrun::imaging
