#pragma once

#include <cstddef>
#include <string_view>

namespace graphrun::core {

// Bytes of the character that `text` begins with: 1 to 4, or 0 where none does. Precondition: it is not
// empty. Source: RFC 3629, 4.
std::size_t utf8_character(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace graphrun::core
