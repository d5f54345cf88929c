#pragma once

#include <cstdint>
#include <string>

#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// 0xRRGGBB.
inline std::uint32_t packed(const imaging::Color& color) {
  return std::uint32_t{color.r} << 16 | std::uint32_t{color.g} << 8 | color.b;
}
inline imaging::Color unpacked(std::uint32_t color) {
  return {static_cast<std::uint8_t>(color >> 16), static_cast<std::uint8_t>(color >> 8 & 0xFF),
          static_cast<std::uint8_t>(color & 0xFF)};
}

// As in a descriptor: "[128, 0, 0]".
inline std::string to_text(const imaging::Color& color) {
  return "[" + std::to_string(color.r) + ", " + std::to_string(color.g) + ", " + std::to_string(color.b) +
         "]";
}

}  // namespace graphrun::datasets
