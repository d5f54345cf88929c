#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace graphrun::datasets {

// Numbers in a file's bytes, in either order; reading past the end is an empty optional.
class FileBytes {
 public:
  explicit FileBytes(std::string_view file) : file_(file) {}
  std::optional<std::uint32_t> big(std::size_t at, int count) const { return read(at, count, false); }
  std::optional<std::uint32_t> little(std::size_t at, int count) const { return read(at, count, true); }

 private:
  std::optional<std::uint32_t> read(std::size_t at, int count, bool reverse) const {
    const auto size = static_cast<std::size_t>(count);
    if (at > file_.size() || file_.size() - at < size) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8 | static_cast<std::uint8_t>(file_[at + (reverse ? size - 1 - i : i)]);
    }
    return value;
  }
  std::string_view file_;
};

// The first directory of a TIFF file (TIFF 6.0, section 2), which EXIF uses as well, or of a BigTIFF, whose
// counts and places have 64 bits.
class TiffDirectory {
 public:
  static bool is_tiff(std::string_view file);
  // Empty where the bytes are no TIFF file.
  static std::optional<TiffDirectory> open(std::string_view file);

  // The first value of a tag of whole numbers (8, 16 or 32 bits); empty where there is none.
  std::optional<std::uint32_t> value(std::uint32_t tag) const;
  // Bytes that a file has at least which holds the directory and the values that it points to.
  std::int64_t file_bytes() const;

 private:
  TiffDirectory(std::string_view file, bool little, bool wide) : bytes_(file), little_(little), wide_(wide) {}
  std::optional<std::uint32_t> number(std::size_t at, int count) const {
    return little_ ? bytes_.little(at, count) : bytes_.big(at, count);
  }
  // A count or a place; empty for what lies beyond 2^48 as well.
  std::optional<std::uint64_t> wide_number(std::size_t at) const;
  std::size_t entry(std::size_t index) const { return entries_at_ + index * (wide_ ? 20 : 12); }

  FileBytes bytes_;
  bool little_;
  bool wide_;  // BigTIFF
  std::size_t entries_at_ = 0;
  std::uint32_t entries_ = 0;
};

}  // namespace graphrun::datasets
