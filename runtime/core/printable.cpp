#include "runtime/core/printable.h"

#include <cstddef>
#include <cstdint>

#include "runtime/core/utf8.h"

namespace graphrun::core {
namespace {

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
    const std::size_t length = utf8_character(text);
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
