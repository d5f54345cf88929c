#include "runtime/cpu/waiting.h"

#include <dlfcn.h>
#include <omp.h>

#include <cstdlib>
#include <filesystem>

// Null where another OpenMP runtime serves the process.
extern "C" [[gnu::weak]] void kmp_set_blocktime(int milliseconds);

namespace graphrun::cpu {

void sleep_soon() {
  constexpr int kMilliseconds = 5;
  static const bool left_to_us =
      std::getenv("OMP_WAIT_POLICY") == nullptr && std::getenv("KMP_BLOCKTIME") == nullptr;
  if (left_to_us && kmp_set_blocktime != nullptr) kmp_set_blocktime(kMilliseconds);
}

// LLVM's runtime may be loaded beside the one that serves.
bool survives_fork() {
  Dl_info serving{};
  Dl_info llvm{};
  return kmp_set_blocktime != nullptr &&
         dladdr(reinterpret_cast<const void*>(&omp_get_max_threads), &serving) != 0 &&
         dladdr(reinterpret_cast<const void*>(kmp_set_blocktime), &llvm) != 0 &&
         serving.dli_fbase == llvm.dli_fbase;
}

std::string openmp_library() {
  Dl_info serving{};
  if (dladdr(reinterpret_cast<const void*>(&omp_get_max_threads), &serving) == 0) return {};
  return std::filesystem::path(serving.dli_fname).filename().string();
}

}  // namespace graphrun::cpu
