#include "tests/fuzz/repair.h"

#include <cstddef>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned int seed) {
  constexpr unsigned kLeftBroken = 8;  // one of so many
  const std::size_t changed = LLVMFuzzerMutate(data, size, max_size);
  if (seed % kLeftBroken != 0) graphrun::fuzz::repair({data, changed});
  return changed;
}
