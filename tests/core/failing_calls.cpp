#include "tests/core/failing_calls.h"

#include <dlfcn.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdarg>
#include <cstddef>

namespace graphrun::test {
namespace {

struct Plan {
  bool active = false;
  bool failed = false;
  Call call = Call::open;
  int left = 0;
  int error = 0;
};
Plan plan;

bool fails(Call call) {
  if (!plan.active || call != plan.call) return false;
  if (plan.left-- != 0) return false;
  plan.failed = true;
  errno = plan.error;
  return true;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

FailingCall::FailingCall(Call call, int number, int error) { plan = {true, false, call, number, error}; }
FailingCall::~FailingCall() { plan.active = false; }
bool FailingCall::has_failed() const { return plan.failed; }

}  // namespace graphrun::test

using graphrun::test::Call;
using graphrun::test::fails;
using graphrun::test::next;
using graphrun::test::plan;

// In the place of the system's, which they call.
extern "C" {
int open(const char* path, int flags, ...) {
  std::va_list more;
  va_start(more, flags);
  const auto mode = va_arg(more, unsigned);
  va_end(more);
  if (fails(Call::open)) return -1;
  return next<int (*)(const char*, int, ...)>("open")(path, flags, mode);
}
ssize_t write(int file, const void* bytes, std::size_t count) {
  const auto real = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  if (!fails(Call::write)) return real(file, bytes, count);
  return plan.error == 0 ? real(file, bytes, 1) : -1;
}
int fsync(int file) { return fails(Call::fsync) ? -1 : next<int (*)(int)>("fsync")(file); }
int close(int file) {
  const int closed = next<int (*)(int)>("close")(file);
  return fails(Call::close) ? -1 : closed;
}
int rename(const char* from, const char* to) noexcept {
  return fails(Call::rename) ? -1 : next<int (*)(const char*, const char*)>("rename")(from, to);
}
}
