#include "runtime/cpu/waiting.h"

#include <cstdlib>

// Null where another OpenMP runtime serves the process.
extern "C" [[gnu::weak]] void kmp_set_blocktime(int milliseconds);

namespace graphrun::cpu {

void sleep_soon() {
  constexpr int kMilliseconds = 5;
  static const bool left_to_us =
      std::getenv("OMP_WAIT_POLICY") == nullptr && std::getenv("KMP_BLOCKTIME") == nullptr;
  if (left_to_us && kmp_set_blocktime != nullptr) kmp_set_blocktime(kMilliseconds);
}

bool survives_fork() { return kmp_set_blocktime != nullptr; }

}  // namespace graphrun::cpu
