#include "runtime/core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/core/atomic_file.h"
#include "runtime/core/file_descriptor.h"

namespace graphrun::core {

Result<std::string> read_file(const std::filesystem::path& path, std::int64_t max_bytes) {
  const std::string name = path.string();
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return system_error(name, "open", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error(name, "read", errno);
  if (!S_ISREG(info.st_mode)) return Status(ErrorCode::io, name + ": is not a regular file");
  if (info.st_size > max_bytes) {
    return Status(ErrorCode::invalid_file, name + ": has " + std::to_string(info.st_size) +
                                               " bytes, more than the " + std::to_string(max_bytes) +
                                               " that are read of such a file");
  }
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(name, "read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Status write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  GRAPHRUN_ASSIGN(AtomicFile file, AtomicFile::create(path.string()));
  GRAPHRUN_TRY(file.write(bytes));
  return file.commit();
}

Status write_file(const std::filesystem::path& path, std::string_view text) {
  return write_file(path, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace graphrun::core
