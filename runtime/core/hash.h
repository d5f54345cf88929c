#pragma once

#include <cstdint>
#include <string_view>

namespace graphrun::core {

inline constexpr std::uint64_t kHashStart = 14695981039346656037ull;

// FNV-1a, 64 bits (Fowler, Noll and Vo): the same everywhere and for ever. Tells accidental differences, not
// intended ones. `hash` goes on where another call ended.
constexpr std::uint64_t hash_of(std::string_view text, std::uint64_t hash = kHashStart) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return hash;
}

}  // namespace graphrun::core
