#include <sys/resource.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "runtime/cpu/parallel.h"

using namespace graphrun;

namespace {

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

// Threads of the pool wait a little by spinning, since the next loop mostly comes at once; then they sleep.
BOOST_AUTO_TEST_CASE(an_idle_pool_uses_no_processor) {
  using namespace std::chrono_literals;
  std::atomic<int> pieces = 0;
  cpu::parallel_for(4, 4, 1, [&](std::int64_t, std::int64_t) { ++pieces; });
  BOOST_TEST(pieces == 4);
  std::this_thread::sleep_for(200ms);
  const double before = processor_seconds();
  std::this_thread::sleep_for(500ms);
  BOOST_TEST(processor_seconds() - before < 0.05);
}
