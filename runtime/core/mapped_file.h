#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "graphrun/status.h"

namespace graphrun::core {

// A regular file mapped read-only for as long as this lives. Whoever truncates the file meanwhile kills the
// process with SIGBUS; files that are replaced by rename (AtomicFile) are safe.
class MappedFile {
 public:
  // not_found, or io with the system's reason; both name the path.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  // Page-aligned; empty for an empty file.
  std::span<const std::byte> bytes() const { return bytes_; }
  // The whole pages inside `part`, which lies in bytes(), no longer count as this process's memory. They come
  // back, slowly, when they are read again.
  void release(std::span<const std::byte> part) const;
  // Reads `part` ahead of its use, where the system can do that.
  void populate(std::span<const std::byte> part) const;
  // Changes with whatever changes the file's content: device, inode, size and times of change.
  const std::string& identity() const { return identity_; }
  // The file belongs to this process's user, and nobody else may write it.
  bool is_private() const { return private_; }

 private:
  MappedFile() = default;
  std::span<const std::byte> bytes_;
  std::string identity_;
  bool private_ = false;
};

}  // namespace graphrun::core
