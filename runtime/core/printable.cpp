#include "runtime/core/printable.h"

#include <cstddef>
#include <cstdint>

namespace graphrun::core {
namespace {

// Bytes of the character that begins there: 1 to 4, or 0 where none does (RFC 3629, 4).
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  const std::size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (length == 0 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Longer forms than needed, halves of pairs, numbers beyond the last.
  const std::uint8_t second = length > 1 ? byte(1) : 0;
  const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return wrong ? 0 : length;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<std::uint8_t>(character[0]);
  if (character.size() == 1) return (first < 0x20 && first != '\n' && first != '\t') || first == 0x7F;
  return first == 0xC2 && static_cast<std::uint8_t>(character[1]) < 0xA0;  // U+0080 to U+009F
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character(text);
    const std::string_view next = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(next.size());
    if (length != 0 && !is_control(next)) {
      shown += next;
      continue;
    }
    for (const char c : next) {
      const auto byte = static_cast<std::uint8_t>(c);
      shown += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xF]};
    }
  }
  return shown;
}

}  // namespace graphrun::core
