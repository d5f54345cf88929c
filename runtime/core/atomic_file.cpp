#include "runtime/core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <climits>
#include <cstdio>
#include <filesystem>

namespace graphrun::core {
namespace {

// The rename itself is durable only once the folder is. EINVAL: a file system that cannot sync folders.
Status sync_folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return system_error(folder, "open", errno);
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return system_error(folder, "sync", errno);
  return {};
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path, Access access) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return {ErrorCode::io, path + ": is not a regular file, and is not replaced"};
  }
  const mode_t mode = access == Access::own ? 0600 : 0666;
  // Of a name that is as long as names may be, the beginning.
  constexpr std::size_t kLongestStem = NAME_MAX - 32;
  const std::size_t name_at = path.rfind('/') + 1;
  const std::string stem = path.substr(0, name_at + kLongestStem) + "." + std::to_string(::getpid()) + ".";
  std::string target = path;  // before there is a file that a failing allocation would leave behind
  for (int attempt = 0;; ++attempt) {
    std::string temporary = stem + std::to_string(attempt) + ".tmp";
    FileDescriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (fd.valid()) return AtomicFile(std::move(target), std::move(temporary), std::move(fd));
    if (errno != EEXIST || attempt == 1000) return system_error(path, "write", errno);
  }
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(path_, "write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status AtomicFile::commit() {
  if (::fsync(fd_.get()) != 0) return system_error(path_, "write", errno);
  if (::close(fd_.release()) != 0) return system_error(path_, "write", errno);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error(path_, "write", errno);
  temporary_.clear();
  return sync_folder_of(path_);
}

}  // namespace graphrun::core
