#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "graphrun/status.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/file_descriptor.h"

namespace graphrun::core {

// A regular file that is open for reading.
class OpenFile {
 public:
  // Errors: not_found; io: no regular file, or one that may not be read.
  static Result<OpenFile> open(const std::filesystem::path& path);

  std::int64_t size() const { return size_; }
  // Bytes that were read from that place on: fewer than `count` at the end and where reading fails.
  std::size_t read_at(std::uint64_t at, void* to, std::size_t count) const;

 private:
  OpenFile(FileDescriptor descriptor, std::int64_t size) : descriptor_(std::move(descriptor)), size_(size) {}
  friend Result<std::string> read_file(const std::filesystem::path& path, std::int64_t max_bytes);
  friend Result<std::string> read_beginning(const std::filesystem::path& path, std::int64_t bytes);
  // Fewer bytes where the file has become shorter.
  Result<std::string> read_from_start(std::int64_t count, const std::string& name) const;

  FileDescriptor descriptor_;
  std::int64_t size_;
};

// The bytes of a regular file. Errors: not_found; io; invalid_file where it has more than max_bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::int64_t max_bytes);

// Its first bytes; all of them where there are fewer.
Result<std::string> read_beginning(const std::filesystem::path& path, std::int64_t bytes);

// Writes the file whole or not at all, as AtomicFile does.
Status write_file(const std::filesystem::path& path, std::span<const std::byte> bytes, Sync sync = Sync::now);
Status write_file(const std::filesystem::path& path, std::string_view text, Sync sync = Sync::now);

}  // namespace graphrun::core
