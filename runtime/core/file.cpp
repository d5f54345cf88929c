#include "runtime/core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/core/atomic_file.h"
#include "runtime/core/file_descriptor.h"
#include "runtime/core/system_memory.h"

namespace graphrun::core {

Result<OpenFile> OpenFile::open(const std::filesystem::path& path) {
  const std::string name = path.string();
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return system_error(name, "open", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error(name, "read", errno);
  if (S_ISDIR(info.st_mode)) return Status(ErrorCode::io, name + ": is a folder, not a file");
  if (!S_ISREG(info.st_mode)) return Status(ErrorCode::io, name + ": is not a regular file");
  return OpenFile(std::move(file), info.st_size);
}

std::size_t OpenFile::read_at(std::uint64_t at, void* to, std::size_t count) const {
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(descriptor_.get(), static_cast<char*>(to) + done, count - done,
                                static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Result<std::string> OpenFile::read_from_start(std::int64_t count, const std::string& name) const {
  std::string bytes(static_cast<std::size_t>(count), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(descriptor_.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(name, "read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<std::string> read_file(const std::filesystem::path& path, std::int64_t max_bytes) {
  GRAPHRUN_ASSIGN(const OpenFile file, OpenFile::open(path));
  if (file.size() > max_bytes) {
    return Status(ErrorCode::invalid_file, path.string() + ": has " + std::to_string(file.size()) +
                                               " bytes, more than the " + std::to_string(max_bytes) +
                                               " that are read of such a file");
  }
  GRAPHRUN_TRY(check_memory(file.size()).with_context(path.string()));
  return file.read_from_start(file.size(), path.string());
}

Result<std::string> read_beginning(const std::filesystem::path& path, std::int64_t bytes) {
  GRAPHRUN_ASSIGN(const OpenFile file, OpenFile::open(path));
  return file.read_from_start(std::min(bytes, file.size()), path.string());
}

Status write_file(const std::filesystem::path& path, std::span<const std::byte> bytes, Sync sync) {
  GRAPHRUN_ASSIGN(AtomicFile file, AtomicFile::create(path.string()));
  GRAPHRUN_TRY(file.write(bytes));
  return file.commit(sync);
}

Status write_file(const std::filesystem::path& path, std::string_view text, Sync sync) {
  return write_file(path, std::as_bytes(std::span(text.data(), text.size())), sync);
}

}  // namespace graphrun::core
