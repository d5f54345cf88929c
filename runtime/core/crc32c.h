#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace graphrun::core {

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, RFC 3720 appendix B.4). Finds every change of up to 4
// bytes in a row; it is no protection against intent. `crc` goes on where another call ended.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0);
inline std::uint32_t crc32c(std::string_view text, std::uint32_t crc = 0) {
  return crc32c(std::as_bytes(std::span(text)), crc);
}

}  // namespace graphrun::core
