#include "tools/grun/interrupt.h"

#include <atomic>
#include <csignal>

namespace graphrun::tools {
namespace {

// A signal handler can reach nothing else.
std::atomic<int> signal_number{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void remember_signal(int number) {
  signal_number.store(number == SIGINT ? SIGINT : SIGTERM);
  // A terminal that goes away sends SIGHUP more than once.
  if (number != SIGHUP) std::signal(number, SIG_DFL);
}

}  // namespace

StopToken watch_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    // What was ignored when the program started (nohup, a shell's background job) stays so.
    if (std::signal(number, remember_signal) == SIG_IGN) std::signal(number, SIG_IGN);
  }
  return StopToken([] {
    switch (signal_number.load()) {
      case 0:
        return Stop::none;
      case SIGINT:
        return Stop::interrupted;
      default:
        return Stop::terminated;
    }
  });
}

int exit_status_of(Stop stop) {
  constexpr int kSignalStatus = 128;
  switch (stop) {
    case Stop::none:
      return 0;
    case Stop::interrupted:
      return kSignalStatus + SIGINT;
    case Stop::terminated:
      break;
  }
  return kSignalStatus + SIGTERM;
}

}  // namespace graphrun::tools
