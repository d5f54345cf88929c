#include "training/tensorboard/event_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "events.out.tfevents.";

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::vector<fs::path> event_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    // A link may lead out of the folder, and files are cut.
    std::error_code ignored;
    if (fs::is_regular_file(entry->symlink_status(ignored)) &&
        entry->path().filename().string().starts_with(kPrefix))
      files.push_back(entry->path());
  }
  return files;
}

// Readers take the files of a folder in the order of their names: a second that no other file has, and later.
std::int64_t next_second(const fs::path& folder) {
  auto second = static_cast<std::int64_t>(now());
  for (const fs::path& file : event_files(folder)) {
    const std::string name = file.filename().string();
    std::int64_t other = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), other);
    constexpr std::int64_t kTenDigits = 9'999'999'998;
    second = std::max(second, std::min(other, kTenDigits) + 1);
  }
  return second;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == 0) return "localhost";
  std::string host(name.data());
  std::ranges::replace(host, '/', '_');
  return host;
}

bool read_exactly(int file, std::span<char> to) {
  while (!to.empty()) {
    const ssize_t got = ::read(file, to.data(), to.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to = to.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

// Bytes up to the first event to be dropped, or to what is no whole record.
std::uintmax_t kept_bytes(int file, std::uintmax_t size, const std::function<bool(const EventKey&)>& drop) {
  constexpr std::uint64_t kMaxPayload = std::uint64_t{1} << 28;
  std::uintmax_t kept = 0;
  std::string head(kFrameHead, 0);
  std::string rest;
  while (size - kept >= kFrameHead + kFrameTail && read_exactly(file, head)) {
    const auto length = framed_length(head);
    if (!length || *length > kMaxPayload || *length > size - kept - kFrameHead - kFrameTail) break;
    rest.resize(*length + kFrameTail);
    if (!read_exactly(file, rest)) break;
    const std::string_view payload = std::string_view(rest).substr(0, *length);
    if (frame(payload) != head + rest) break;
    const auto key = read_event(payload);
    if (!key || drop(*key)) break;
    kept += kFrameHead + rest.size();
  }
  return kept;
}

}  // namespace

Result<std::unique_ptr<EventFile>> EventFile::create(const fs::path& folder, std::int64_t restart) {
  std::array<char, 16> second{};
  std::snprintf(second.data(), second.size(), "%010lld", static_cast<long long>(next_second(folder)));
  const fs::path path =
      folder / (std::string(kPrefix) + second.data() + "." + host_name() + "." + std::to_string(getpid()));
  constexpr mode_t kMode = 0666;
  core::FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, kMode));
  if (!file.valid()) return core::system_error(path.string(), "create", errno);
  std::unique_ptr<EventFile> made(new EventFile(path, std::move(file)));
  GRAPHRUN_TRY(made->append(version_event(now())));
  if (restart > 0) GRAPHRUN_TRY(made->append(restart_event(now(), restart)));
  return made;
}

Status EventFile::scalars(std::int64_t step, std::span<const Scalar> scalars) {
  return append(scalar_event(now(), step, scalars));
}

Status EventFile::image(std::int64_t step, std::string_view tag, std::int64_t height, std::int64_t width,
                        std::string_view png) {
  return append(image_event(now(), step, tag, height, width, png));
}

Status EventFile::append(std::string_view payload) {
  const std::string record = frame(payload);
  std::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t written = ::write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return core::system_error(path_.string(), "write", errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Status cut_event_files(const fs::path& folder, const std::function<bool(const EventKey&)>& drop) {
  for (const fs::path& path : event_files(folder)) {
    // What is read is what is cut, whatever the name stands for by now.
    const core::FileDescriptor file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!file.valid() || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
      return {ErrorCode::io, path.string() + ": cannot read it"};
    const auto size = static_cast<std::uintmax_t>(info.st_size);
    const std::uintmax_t kept = kept_bytes(file.get(), size, drop);
    if (kept == size) continue;
    if (::ftruncate(file.get(), static_cast<off_t>(kept)) != 0)
      return core::system_error(path.string(), "shorten", errno);
  }
  return {};
}

}  // namespace graphrun::training
