#include "runtime/cpu/team.h"

#include <omp.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <limits>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/core/guard.h"
#include "runtime/cpu/waiting.h"

namespace graphrun::cpu {
namespace {

// Limits of a process's threads that LLVM's runtime takes, the second under its older name.
constexpr const char* kDeviceLimit = "KMP_DEVICE_THREAD_LIMIT";
constexpr const char* kDeviceLimitBefore = "KMP_ALL_THREADS";

// A thread of its own has what the environment grants, whatever its caller does with OpenMP.
Status on_own_thread(const std::function<Status()>& work) {
  Status status;
  std::thread([&] { status = core::guard(work); }).join();
  return status;
}

// Lets threads that wait go on, whatever happens.
struct Release {
  std::latch& latch;
  ~Release() { latch.count_down(); }
};

// Starts so many threads at once and ends them again.
Status try_threads(int count) {
  std::latch all_started(1);
  std::vector<std::jthread> threads;
  const Release release{all_started};  // before the threads are waited for
  try {
    threads.reserve(static_cast<std::size_t>(count));
    while (static_cast<int>(threads.size()) < count) threads.emplace_back([&] { all_started.wait(); });
  } catch (const std::system_error& error) {
    return {ErrorCode::out_of_memory,
            "of " + std::to_string(count + 1) + " threads the system starts " +
                std::to_string(threads.size() + 1) + " (" + error.code().message() +
                "): ask for fewer (--threads), or raise its limits of processes (ulimit -u) and of memory "
                "(ulimit -v)"};
  }
  return {};
}

// While it lives, OpenMP takes no threads away from this thread's regions under load (OMP_DYNAMIC).
class WholeTeams {
 public:
  WholeTeams() : before_(omp_get_dynamic()) { omp_set_dynamic(0); }
  ~WholeTeams() { omp_set_dynamic(before_); }
  WholeTeams(const WholeTeams&) = delete;
  WholeTeams& operator=(const WholeTeams&) = delete;

 private:
  int before_;
};

// Stack of the calling thread; the largest number where the system does not say.
std::size_t stack_bytes() {
  std::size_t bytes = std::numeric_limits<std::size_t>::max();
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return bytes;
  pthread_attr_getstacksize(&attributes, &bytes);
  pthread_attr_destroy(&attributes);
  return bytes;
}

// What kernels and oneDNN's are run with, several times over.
constexpr std::size_t kLeastStackBytes = 64 << 10;

Status check_stack(std::size_t bytes) {
  if (bytes >= kLeastStackBytes) return {};
  return {ErrorCode::invalid_argument,
          "OpenMP's threads have a stack of " + std::to_string(bytes / 1024) + " KiB each, of which " +
              std::to_string(kLeastStackBytes / 1024) +
              " are needed: unset OMP_STACKSIZE (KMP_STACKSIZE, GOMP_STACKSIZE), or set it to 1M or more"};
}

// LLVM's runtime ends a process whose second thread comes to it where one is all that it may have.
bool has_one_thread() {
  const auto is_one = [](const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && std::strcmp(value, "1") == 0;
  };
  return is_one(kDeviceLimit) || is_one(kDeviceLimitBefore);
}

bool grants(int threads) {
  return omp_get_active_level() == 0 && omp_get_max_active_levels() > 0 && omp_get_thread_limit() >= threads;
}

}  // namespace

Status check_process() {
  static const pid_t first = getpid();
  if (getpid() == first || survives_fork()) return {};
  return {ErrorCode::unsupported,
          "process " + std::to_string(getpid()) + " was forked from process " + std::to_string(first) +
              ", which had opened a device before and whose threads it does not have: fork first, or start a "
              "program anew (exec, spawn)"};
}

Result<int> team_size(int threads) {
  if (threads <= 1) return threads;
  GRAPHRUN_TRY(check_process());
  if (has_one_thread()) return 1;
  int granted = 1;
  std::size_t stack = std::numeric_limits<std::size_t>::max();
  const auto ask = [&]() -> Status {
    const int wanted = std::min(threads, omp_get_thread_limit());
    if (wanted <= 1 || omp_get_max_active_levels() < 1) return {};
    GRAPHRUN_TRY(try_threads(wanted - 1));
    // The threads that this starts would spin on, beside all that follows until the first loop.
    sleep_soon();
    const WholeTeams whole;
#pragma omp parallel num_threads(wanted) reduction(min : stack)
    {
      stack = stack_bytes();
#pragma omp single
      granted = omp_get_num_threads();
    }
    return check_stack(stack);
  };
  GRAPHRUN_TRY(on_own_thread(ask));
  return granted;
}

std::string team_limit() {
  std::string text;
  for (const char* name : {"OMP_THREAD_LIMIT", "OMP_MAX_ACTIVE_LEVELS", kDeviceLimit, kDeviceLimitBefore}) {
    const char* const value = std::getenv(name);
    if (value != nullptr) text += (text.empty() ? "" : ", ") + std::string(name) + "=" + value;
  }
  return text;
}

Status with_team(int threads, const std::function<Status()>& work) {
  if (threads <= 1) return work();
  GRAPHRUN_TRY(check_process());
  const auto undivided = [&work] {
    const WholeTeams whole;
    return work();
  };
  return grants(threads) ? undivided() : on_own_thread(undivided);
}

}  // namespace graphrun::cpu
