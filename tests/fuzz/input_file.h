#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace graphrun::fuzz {

inline std::span<const std::byte> bytes_of(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}
inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// What a target's assertion calls: the fuzzer reports the input that led here.
inline void require(bool holds) {
  if (!holds) __builtin_trap();
}

// The input as a file, for readers that take a path; in memory.
class InputFile {
 public:
  InputFile(const std::uint8_t* data, std::size_t size);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();
  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

// A folder of this process with one file, for readers that take a folder.
class InputFolder {
 public:
  InputFolder(const char* name, const std::uint8_t* data, std::size_t size);
  InputFolder(const InputFolder&) = delete;
  InputFolder& operator=(const InputFolder&) = delete;
  ~InputFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace graphrun::fuzz
