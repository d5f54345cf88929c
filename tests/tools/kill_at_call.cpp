#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdarg>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

// Loaded before a program's libraries (LD_PRELOAD): the process is killed where it is about to make the
// GRAPHRUN_KILL_AT-th of its calls that change something in the folder GRAPHRUN_KILL_IN; a write where half
// of its bytes are written. The call's name is a line more in the file GRAPHRUN_KILL_LOG.
namespace {

const char* text_of(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

struct Plan {
  std::string_view folder = text_of("GRAPHRUN_KILL_IN");
  long at = std::atol(text_of("GRAPHRUN_KILL_AT"));
  std::atomic<long> calls = 0;
};
Plan& plan() {
  static Plan made;
  return made;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}
ssize_t really_write(int file, const void* bytes, std::size_t count) {
  return next<ssize_t (*)(int, const void*, std::size_t)>("write")(file, bytes, count);
}

bool is_inside(const char* path) {
  return !plan().folder.empty() && std::string_view(path).find(plan().folder) != std::string_view::npos;
}
bool is_inside(int file) {
  if (plan().folder.empty()) return false;
  std::array<char, 32> link{"/proc/self/fd/"};
  char* digit = link.data() + std::strlen(link.data());
  for (int scale = 10000; scale > 0; scale /= 10)
    if (file >= scale || scale == 1) *digit++ = static_cast<char>('0' + file / scale % 10);
  std::array<char, 4096> path{};
  return ::readlink(link.data(), path.data(), path.size() - 1) > 0 && is_inside(path.data());
}

bool is_the_one() { return plan().at > 0 && ++plan().calls == plan().at; }

[[noreturn]] void die(const char* call) {
  const int log = next<int (*)(const char*, int, ...)>("open")(text_of("GRAPHRUN_KILL_LOG"),
                                                               O_WRONLY | O_APPEND | O_CREAT, 0644);
  really_write(log, call, std::strlen(call));
  really_write(log, "\n", 1);
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

template <class Where>
void pass(const char* call, Where where) {
  if (is_inside(where) && is_the_one()) die(call);
}

}  // namespace

extern "C" {
ssize_t write(int file, const void* bytes, std::size_t count) {
  if (is_inside(file) && is_the_one()) {
    really_write(file, bytes, count / 2);
    die("write");
  }
  return really_write(file, bytes, count);
}
ssize_t writev(int file, const iovec* parts, int count) {
  pass("writev", file);
  return next<ssize_t (*)(int, const iovec*, int)>("writev")(file, parts, count);
}
int open(const char* path, int flags, ...) {
  std::va_list more;
  va_start(more, flags);
  const auto mode = va_arg(more, unsigned);
  va_end(more);
  if ((flags & (O_CREAT | O_TRUNC)) != 0) pass("open", path);
  return next<int (*)(const char*, int, ...)>("open")(path, flags, mode);
}
int fsync(int file) {
  pass("fsync", file);
  return next<int (*)(int)>("fsync")(file);
}
int ftruncate(int file, off_t size) noexcept {
  pass("ftruncate", file);
  return next<int (*)(int, off_t)>("ftruncate")(file, size);
}
int truncate(const char* path, off_t size) noexcept {
  pass("truncate", path);
  return next<int (*)(const char*, off_t)>("truncate")(path, size);
}
int rename(const char* from, const char* to) noexcept {
  pass("rename", to);
  return next<int (*)(const char*, const char*)>("rename")(from, to);
}
int unlink(const char* path) noexcept {
  pass("unlink", path);
  return next<int (*)(const char*)>("unlink")(path);
}
int remove(const char* path) noexcept {
  pass("remove", path);
  return next<int (*)(const char*)>("remove")(path);
}
int mkdir(const char* path, mode_t mode) noexcept {
  pass("mkdir", path);
  return next<int (*)(const char*, mode_t)>("mkdir")(path, mode);
}
}
