#include "tools/grun/interrupt.h"

#include <atomic>
#include <csignal>

namespace graphrun::tools {
namespace {

// A signal handler can reach nothing else.
std::atomic<int> signal_number{0};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void remember_signal(int number) {
  signal_number.store(number == SIGUSR1 ? SIGTERM : number);
  std::signal(number, SIG_DFL);
}

}  // namespace

void watch_signals() {
  std::signal(SIGINT, remember_signal);
  std::signal(SIGTERM, remember_signal);
  std::signal(SIGUSR1, remember_signal);
}

int caught_signal() { return signal_number.load(); }

}  // namespace graphrun::tools
