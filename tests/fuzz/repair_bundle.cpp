#include <algorithm>
#include <cstring>

#include "runtime/core/crc32c.h"
#include "tests/fuzz/repair.h"

// The fields of doc/format.md, "Bundles".
namespace graphrun::fuzz {
namespace {

constexpr std::size_t kHeader = 64;
constexpr std::size_t kEntry = 64;

template <class T>
T number(std::span<const std::uint8_t> file, std::size_t at) {
  T value = 0;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}
template <class T>
void put(std::span<std::uint8_t> file, std::size_t at, T value) {
  std::memcpy(file.data() + at, &value, sizeof value);
}

}  // namespace

void repair(std::span<std::uint8_t> file) {
  if (file.size() < kHeader) return;
  const std::size_t parts =
      std::min<std::size_t>(number<std::uint32_t>(file, 12), (file.size() - kHeader) / kEntry);
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t entry = kHeader + i * kEntry;
    const auto offset = number<std::uint64_t>(file, entry + 40);
    const auto bytes = number<std::uint64_t>(file, entry + 48);
    if (offset > file.size() || bytes > file.size() - offset) continue;
    put(file, entry + 56, core::crc32c(std::as_bytes(file.subspan(offset, bytes))));
  }
  put(file, 12, static_cast<std::uint32_t>(parts));
  put(file, 16, std::uint64_t{file.size()});
  put(file, 24, core::crc32c(std::as_bytes(file.subspan(kHeader, parts * kEntry))));
  put(file, 28, core::crc32c(std::as_bytes(file.first(28))));
}

}  // namespace graphrun::fuzz
