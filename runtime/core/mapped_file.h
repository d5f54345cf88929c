#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "runtime/core/status.h"

namespace graphrun {

// A regular file mapped read-only for as long as this lives. Whoever truncates the file meanwhile kills the
// process with SIGBUS; files that are replaced by rename (AtomicFile) are safe.
class MappedFile {
 public:
  // not_found, or io with the system's reason; both name the path.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);

  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  // Page-aligned; empty for an empty file.
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace graphrun
