#include "tests/fuzz/input_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace graphrun::fuzz {

InputFile::InputFile(const std::uint8_t* data, std::size_t size)
    : fd_(::memfd_create("input", MFD_CLOEXEC)), path_("/proc/self/fd/" + std::to_string(fd_)) {
  require(fd_ >= 0);
  for (std::size_t done = 0; done < size;) {
    const ssize_t written = ::write(fd_, data + done, size - done);
    require(written > 0);
    done += static_cast<std::size_t>(written);
  }
}
InputFile::~InputFile() { ::close(fd_); }

InputFolder::InputFolder(const char* name, const std::uint8_t* data, std::size_t size) {
  std::string pattern = (std::filesystem::temp_directory_path() / "graphrun-fuzz-XXXXXX").string();
  require(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
  std::ofstream(path_ + "/" + name, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
}
InputFolder::~InputFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace graphrun::fuzz
