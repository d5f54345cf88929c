#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

namespace graphrun::core {

// "2.4 GB", "850 MB", "12 kB", "12 bytes"
inline std::string size_text(std::int64_t bytes) {
  constexpr double kKilo = 1e3;
  constexpr double kMega = 1e6;
  constexpr double kGiga = 1e9;
  const auto size = static_cast<double>(bytes);
  std::array<char, 32> text{};
  if (size >= kGiga) {
    std::snprintf(text.data(), text.size(), "%.1f GB", size / kGiga);
  } else if (size >= kMega) {
    std::snprintf(text.data(), text.size(), size >= 10 * kMega ? "%.0f MB" : "%.1f MB", size / kMega);
  } else if (size >= kKilo) {
    std::snprintf(text.data(), text.size(), "%.0f kB", size / kKilo);
  } else {
    return std::to_string(bytes) + " bytes";
  }
  return text.data();
}

// Writes a size rounded up, so that a limit of this size suffices.
inline std::string size_text_up(std::int64_t bytes) {
  constexpr std::int64_t kKilo = 1000;
  constexpr std::int64_t kMega = kKilo * kKilo;
  constexpr std::int64_t kGiga = kKilo * kMega;
  const std::int64_t step = bytes >= kGiga        ? kGiga / 10
                            : bytes >= 10 * kMega ? kMega
                            : bytes >= kMega      ? kMega / 10
                            : bytes >= kKilo      ? kKilo
                                                  : 1;
  return size_text((bytes + step - 1) / step * step);
}

}  // namespace graphrun::core
