#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace graphrun::core {

inline constexpr std::size_t kMaxComponentName = 128;

// Whether a name from a file may become one component of a path: [A-Za-z0-9][A-Za-z0-9._+-]{0,127}. It can
// then neither leave a folder, hide in it, nor send control sequences to a terminal.
inline bool is_component_name(std::string_view name) {
  const auto alphanumeric = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  const auto allowed = [&](char c) {
    return alphanumeric(c) || c == '.' || c == '_' || c == '+' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxComponentName && alphanumeric(name[0]) &&
         std::ranges::all_of(name, allowed);
}

}  // namespace graphrun::core
