#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "graphrun/status.h"

namespace graphrun::core {

// Owns a POSIX file descriptor; -1 is none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool valid() const { return fd_ >= 0; }
  int get() const { return fd_; }
  // For those who check what close() says: the descriptor is no longer owned.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// "a/b.npy: cannot open: No such file or directory"; `error` is an errno.
inline Status system_error(std::string_view path, std::string_view action, int error) {
  std::string message(path);
  message.append(": cannot ").append(action).append(": ").append(std::generic_category().message(error));
  return {error == ENOENT || error == ENOTDIR ? ErrorCode::not_found : ErrorCode::io, std::move(message)};
}

}  // namespace graphrun::core
