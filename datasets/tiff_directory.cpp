#include "datasets/tiff_directory.h"

#include <algorithm>
#include <array>

namespace graphrun::datasets {

bool TiffDirectory::is_tiff(std::string_view file) {
  using namespace std::string_view_literals;
  return file.starts_with("II*\0"sv) || file.starts_with("MM\0*"sv) || file.starts_with("II+\0"sv) ||
         file.starts_with("MM\0+"sv);
}

std::optional<std::uint64_t> TiffDirectory::wide_number(std::size_t at) const {
  if (!wide_) return number(at, 4);
  const auto first = number(at, 4);
  const auto second = number(at + 4, 4);
  if (!first || !second) return std::nullopt;
  const std::uint64_t high = little_ ? *second : *first;
  const std::uint64_t low = little_ ? *first : *second;
  if (high >= 1 << 16) return std::nullopt;
  return high << 32 | low;
}

std::optional<TiffDirectory> TiffDirectory::open(std::string_view file) {
  constexpr std::uint32_t kMagic = 42, kWideMagic = 43;
  constexpr std::uint32_t kMaxEntries = 65535;
  const bool little = file.starts_with("II");
  if (!little && !file.starts_with("MM")) return std::nullopt;
  const auto magic = TiffDirectory(file, little, false).number(2, 2);
  if (magic != kMagic && magic != kWideMagic) return std::nullopt;
  const bool wide = magic == kWideMagic;
  TiffDirectory directory(file, little, wide);
  const auto at = directory.wide_number(wide ? 8 : 4);
  if (!at) return std::nullopt;
  std::optional<std::uint64_t> entries = directory.number(*at, 2);
  if (wide) entries = directory.wide_number(*at);
  if (!entries || *entries > kMaxEntries) return std::nullopt;
  directory.entries_ = static_cast<std::uint32_t>(*entries);
  directory.entries_at_ = std::size_t{*at} + (wide ? 8 : 2);
  return directory;
}

std::optional<std::uint32_t> TiffDirectory::value(std::uint32_t tag) const {
  constexpr std::uint32_t kByte = 1, kShort = 3, kLong = 4;
  const std::size_t value_at = wide_ ? 12 : 8;
  for (std::size_t i = 0; i < entries_; ++i) {
    const auto found = number(entry(i), 2);
    if (!found) return std::nullopt;
    if (*found != tag) continue;
    const auto type = number(entry(i) + 2, 2);
    const auto count = wide_number(entry(i) + 4);
    if (!type || !count || *count == 0) return std::nullopt;
    const int bytes = *type == kByte ? 1 : *type == kShort ? 2 : *type == kLong ? 4 : 0;
    if (bytes == 0) return std::nullopt;
    // More bytes than a place has stand elsewhere.
    const std::uint64_t room = wide_ ? 8 : 4;
    if (*count <= room && *count * static_cast<std::uint64_t>(bytes) <= room)
      return number(entry(i) + value_at, bytes);
    const auto at = wide_number(entry(i) + value_at);
    return at ? number(*at, bytes) : std::nullopt;
  }
  return std::nullopt;
}

std::int64_t TiffDirectory::file_bytes() const {
  constexpr std::array<std::uint8_t, 13> kBytesOfType = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
  const std::int64_t next_directory = wide_ ? 8 : 4;
  std::int64_t end = static_cast<std::int64_t>(entry(entries_)) + next_directory;
  for (std::size_t i = 0; i < entries_; ++i) {
    const auto type = number(entry(i) + 2, 2);
    const auto count = wide_number(entry(i) + 4);
    const auto at = wide_number(entry(i) + (wide_ ? 12 : 8));
    if (!type || !count || !at || *type >= kBytesOfType.size()) continue;
    const auto bytes = static_cast<std::int64_t>(*count * kBytesOfType[*type]);
    if (bytes > next_directory) end = std::max(end, static_cast<std::int64_t>(*at) + bytes);
  }
  return end;
}

}  // namespace graphrun::datasets
