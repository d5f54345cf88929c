#pragma once

#include <string>
#include <string_view>

namespace graphrun::core {

// Text from a file, for a terminal: control characters, which could move the cursor, change its title or its
// clipboard, become \x1B and the like, as do bytes that are no UTF-8. Line ends and tabs stay.
std::string printable(std::string_view text);

}  // namespace graphrun::core
