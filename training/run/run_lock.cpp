#include "training/run/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <sstream>

#include "runtime/collective/host_name.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

std::string lock_path(const fs::path& folder) { return (folder / "run.lock").string(); }

struct Holder {
  pid_t process = 0;  // 0: the file does not say
  std::string host;

  bool is_here() const { return host == collective::host_name(); }
  // A process of another host cannot be asked.
  bool may_live() const { return process > 0 && (!is_here() || kill(process, 0) == 0 || errno == EPERM); }
};

Holder read_holder(int file) {
  std::array<char, 512> text{};
  const ssize_t count = pread(file, text.data(), text.size() - 1, 0);
  Holder holder;
  if (count > 0) std::istringstream(std::string(text.data())) >> holder.process >> holder.host;
  return holder;
}

Status held(const fs::path& folder, const Holder& holder) {
  const std::string who = holder.process > 0
                              ? "process " + std::to_string(holder.process) + " on " + holder.host
                              : "another process";
  return {ErrorCode::io,
          folder.string() + ": " + who +
              " is writing this run: wait until it has ended, or give another folder (-o); where it "
              "is gone for certain, remove " +
              lock_path(folder)};
}

enum class Attempt { taken, held, unknown };

// `unknown`: the file system has no locks.
Attempt try_lock(int file) {
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return Attempt::taken;
  return errno == EWOULDBLOCK ? Attempt::held : Attempt::unknown;
}

// Whether the path still names the file that is open: whoever held it before has removed it at the end.
bool is_current(const std::string& path, int file) {
  struct stat by_name {};
  struct stat opened {};
  return stat(path.c_str(), &by_name) == 0 && fstat(file, &opened) == 0 && by_name.st_ino == opened.st_ino &&
         by_name.st_dev == opened.st_dev;
}

}  // namespace

Status RunLock::check(const fs::path& folder) {
  const core::FileDescriptor file(open(lock_path(folder).c_str(), O_RDWR | O_CLOEXEC));
  if (!file.valid()) return {};
  const Holder holder = read_holder(file.get());
  const Attempt attempt = try_lock(file.get());
  const bool is_held = attempt == Attempt::held || (attempt == Attempt::unknown && holder.may_live());
  return is_held ? held(folder, holder) : Status();
}

Result<std::unique_ptr<RunLock>> RunLock::take(const fs::path& folder) {
  const std::string path = lock_path(folder);
  constexpr mode_t kMode = 0666;
  for (;;) {
    core::FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode));
    if (!file.valid()) return core::system_error(path, "write", errno);
    const Attempt attempt = try_lock(file.get());
    if (attempt == Attempt::taken && !is_current(path, file.get())) continue;
    const Holder holder = read_holder(file.get());
    if (attempt == Attempt::held || (attempt == Attempt::unknown && holder.may_live()))
      return held(folder, holder);
    const std::string text = std::to_string(getpid()) + " " + collective::host_name() + "\n";
    const bool written = ftruncate(file.get(), 0) == 0 &&
                         pwrite(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
    const int error = errno;
    std::unique_ptr<RunLock> lock(new RunLock(path, std::move(file)));
    if (!written) return core::system_error(path, "write", error);
    return lock;
  }
}

RunLock::~RunLock() { unlink(path_.c_str()); }

}  // namespace graphrun::training
