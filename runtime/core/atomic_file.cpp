#include "runtime/core/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

namespace graphrun::core {
namespace {

std::string folder_of(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// A name is durable only once its folder is. EINVAL: a file system that cannot sync folders.
Status sync_folder(const FileDescriptor& folder, const std::string& name) {
  if (::fsync(folder.get()) == 0 || errno == EINVAL) return {};
  return system_error(name, "sync", errno);
}

FileDescriptor open_folder(const std::string& folder) {
  return FileDescriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// PATH.PROCESS.NUMBER.tmp or PATH.PROCESS.NUMBER.tmp.ENDING, as create() names them; 0 where the name is
// another.
pid_t writer_of(std::string_view name) {
  constexpr std::string_view kSuffix = ".tmp";
  const std::size_t suffix = name.rfind(kSuffix);
  if (suffix == std::string_view::npos) return 0;
  const std::string_view ending = name.substr(suffix + kSuffix.size());
  if (!ending.empty() && ending.rfind('.') != 0) return 0;
  name = name.substr(0, suffix);
  std::array<std::int32_t, 2> numbers{};
  for (std::int32_t& number : numbers) {
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot + 1 == name.size()) return 0;
    const char* const end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + dot + 1, end, number);
    if (error != std::errc() || stop != end || number < 0) return 0;
    name = name.substr(0, dot);
  }
  return name.empty() ? 0 : numbers[1];
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path, Access access, const std::string& ending) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return {ErrorCode::io, path + ": is not a regular file, and is not replaced"};
  }
  const mode_t mode = access == Access::own ? 0600 : 0666;
  // A name that is as long as names may be is cut, so that the suffix fits.
  constexpr std::size_t kLongestStem = NAME_MAX - 32;
  const std::size_t name_at = path.rfind('/') + 1;
  const std::string stem = path.substr(0, name_at + kLongestStem) + "." + std::to_string(::getpid()) + ".";
  std::string target = path;  // before there is a file that a failing allocation would leave behind
  for (int attempt = 0;; ++attempt) {
    std::string temporary = stem + std::to_string(attempt);
    temporary.append(".tmp").append(ending);
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

Status AtomicFile::write_at(std::uint64_t at, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error(path_, "write", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  return {};
}

Status AtomicFile::rename() {
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return system_error(path_, "write", errno);
  temporary_.clear();
  return {};
}

Status AtomicFile::commit(Sync sync) {
  if (sync == Sync::later) {
    if (::close(fd_.release()) != 0) return system_error(path_, "write", errno);
    return rename();
  }
  // All that can fail does so before the rename, as far as that is possible.
  if (::fsync(fd_.get()) != 0) return system_error(path_, "write", errno);
  const std::string folder_name = folder_of(path_);
  const FileDescriptor folder = open_folder(folder_name);
  // A folder that this user may write but not read is synced with the whole file system, by the file.
  if (!folder.valid() && errno != EACCES) return system_error(folder_name, "open", errno);
  if (folder.valid() && ::close(fd_.release()) != 0) return system_error(path_, "write", errno);
  GRAPHRUN_TRY(rename());
  const Status synced = folder.valid()             ? sync_folder(folder, folder_name)
                        : ::syncfs(fd_.get()) == 0 ? Status()
                                                   : system_error(folder_name, "sync", errno);
  if (synced.ok()) return {};
  return {synced.code(), path_ + ": is written, but may not outlast a loss of power: " + synced.message()};
}

Status sync_file_system(const std::string& folder) {
  const FileDescriptor opened = open_folder(folder);
  if (!opened.valid()) return system_error(folder, "open", errno);
  if (::syncfs(opened.get()) == 0) return {};
  return system_error(folder, "sync", errno);
}

Result<bool> make_new_folder(const std::string& path) {
  const bool made = ::mkdir(path.c_str(), 0777) == 0;
  if (!made && errno != EEXIST) return system_error(path, "create", errno);
  const std::string parent = folder_of(path);
  const FileDescriptor opened = open_folder(parent);
  if (opened.valid()) GRAPHRUN_TRY(sync_folder(opened, parent));
  return made;
}

Status make_folders(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<fs::path> missing;  // the innermost first
  for (fs::path folder = fs::path(path).lexically_normal(); !folder.empty() && !fs::exists(folder, error);
       folder = folder.parent_path()) {
    if (folder.has_filename()) missing.push_back(folder);
    if (folder == folder.root_path()) break;
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder)
    GRAPHRUN_TRY(status_of(make_new_folder(folder->string())));
  if (!fs::is_directory(path, error))
    return {ErrorCode::io, path + ": " + (error ? error.message() : "is not a folder")};
  return {};
}

void remove_stale_temporaries(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const pid_t writer = writer_of(entry->path().filename().string());
    std::error_code ignored;
    const bool stale = writer > 0 && ::kill(writer, 0) != 0 && errno == ESRCH;
    if (stale && fs::is_regular_file(entry->symlink_status(ignored))) fs::remove(entry->path(), ignored);
  }
}

}  // namespace graphrun::core
