#include "runtime/core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "runtime/core/file_descriptor.h"

namespace graphrun {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return system_error(path, "open", errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_error(path, "open", errno);
  if (!S_ISREG(info.st_mode)) return {ErrorCode::io, path + ": is not a regular file"};
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return std::make_shared<const MappedFile>(MappedFile({}));
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) return system_error(path, "map", errno);
  return std::make_shared<const MappedFile>(MappedFile({static_cast<const std::byte*>(address), size}));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace graphrun
