#include "datasets/tiff_directory.h"

#include <algorithm>
#include <array>

namespace graphrun::datasets {

namespace {
constexpr std::size_t kEntryBytes = 12;
}  // namespace

std::optional<TiffDirectory> TiffDirectory::open(std::string_view file) {
  constexpr std::uint32_t kMagic = 42;
  const bool little = file.starts_with("II");
  if (!little && !file.starts_with("MM")) return std::nullopt;
  TiffDirectory directory(file, little);
  const auto at = directory.number(4, 4);
  if (directory.number(2, 2) != kMagic || !at) return std::nullopt;
  const auto entries = directory.number(*at, 2);
  if (!entries) return std::nullopt;
  directory.entries_ = *entries;
  directory.entries_at_ = std::size_t{*at} + 2;
  return directory;
}

std::optional<std::uint32_t> TiffDirectory::value(std::uint32_t tag) const {
  constexpr std::uint32_t kByte = 1, kShort = 3, kLong = 4;
  for (std::size_t i = 0; i < entries_; ++i) {
    const std::size_t entry = entries_at_ + i * kEntryBytes;
    const auto found = number(entry, 2);
    if (!found) return std::nullopt;
    if (*found != tag) continue;
    const auto type = number(entry + 2, 2);
    const auto count = number(entry + 4, 4);
    if (!type || !count || *count == 0) return std::nullopt;
    const int bytes = *type == kByte ? 1 : *type == kShort ? 2 : *type == kLong ? 4 : 0;
    if (bytes == 0) return std::nullopt;
    // Values of more than four bytes stand elsewhere.
    if (std::uint64_t{*count} * static_cast<std::uint64_t>(bytes) <= 4) return number(entry + 8, bytes);
    const auto at = number(entry + 8, 4);
    return at ? number(*at, bytes) : std::nullopt;
  }
  return std::nullopt;
}

std::int64_t TiffDirectory::file_bytes() const {
  constexpr std::array<std::uint8_t, 13> kBytesOfType = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
  constexpr std::int64_t kNextDirectory = 4;
  std::int64_t end = static_cast<std::int64_t>(entries_at_ + entries_ * kEntryBytes) + kNextDirectory;
  for (std::size_t i = 0; i < entries_; ++i) {
    const std::size_t entry = entries_at_ + i * kEntryBytes;
    const auto type = number(entry + 2, 2);
    const auto count = number(entry + 4, 4);
    const auto at = number(entry + 8, 4);
    if (!at || *type >= kBytesOfType.size()) continue;
    const std::int64_t bytes = std::int64_t{*count} * kBytesOfType[*type];
    if (bytes > 4) end = std::max(end, *at + bytes);
  }
  return end;
}

}  // namespace graphrun::datasets
