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

namespace {

// A regular file that is open, and how long it is.
struct OpenFile {
  FileDescriptor descriptor;
  std::int64_t size;
};

Result<OpenFile> open_regular(const std::filesystem::path& path) {
  const std::string name = path.string();
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return system_error(name, "open", errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return system_error(name, "read", errno);
  if (S_ISDIR(info.st_mode)) return Status(ErrorCode::io, name + ": is a folder, not a file");
  if (!S_ISREG(info.st_mode)) return Status(ErrorCode::io, name + ": is not a regular file");
  return OpenFile{std::move(file), info.st_size};
}

// Fewer where the file has become shorter.
Result<std::string> read_bytes(const FileDescriptor& file, std::int64_t count, const std::string& name) {
  std::string bytes(static_cast<std::size_t>(count), '\0');
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

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::int64_t max_bytes) {
  GRAPHRUN_ASSIGN(const OpenFile file, open_regular(path));
  if (file.size > max_bytes) {
    return Status(ErrorCode::invalid_file, path.string() + ": has " + std::to_string(file.size) +
                                               " bytes, more than the " + std::to_string(max_bytes) +
                                               " that are read of such a file");
  }
  GRAPHRUN_TRY(check_memory(file.size).with_context(path.string()));
  return read_bytes(file.descriptor, file.size, path.string());
}

Result<std::string> read_beginning(const std::filesystem::path& path, std::int64_t bytes) {
  GRAPHRUN_ASSIGN(const OpenFile file, open_regular(path));
  return read_bytes(file.descriptor, std::min<std::int64_t>(bytes, file.size), path.string());
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
