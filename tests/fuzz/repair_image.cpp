#include <zlib.h>

#include <cstring>

#include "tests/fuzz/repair.h"

// The checksums of a PNG's chunks.
namespace graphrun::fuzz {

void repair(std::span<std::uint8_t> file) {
  constexpr std::size_t kSignature = 8, kHead = 8, kCheck = 4;
  constexpr std::uint8_t kBegin[] = {0x89, 'P', 'N', 'G'};
  if (file.size() < kSignature || std::memcmp(file.data(), kBegin, sizeof kBegin) != 0) return;
  const auto big = [&](std::size_t at) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | file[at + i];
    return value;
  };
  for (std::size_t at = kSignature; at + kHead + kCheck <= file.size();) {
    const std::size_t length = big(at);
    if (length > file.size() - at - kHead - kCheck) return;
    const auto check =
        static_cast<std::uint32_t>(crc32(0, file.data() + at + 4, static_cast<uInt>(length + 4)));
    at += kHead + length;
    for (std::size_t i = 0; i < 4; ++i) file[at + i] = static_cast<std::uint8_t>(check >> (24 - 8 * i));
    at += kCheck;
  }
}

}  // namespace graphrun::fuzz
