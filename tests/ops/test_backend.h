#pragma once

#include <cstdint>
#include <memory>

#include "runtime/model/backend.h"

// The device whose kernels a test program checks: the environment's GRAPHRUN_TEST_DEVICE, "cuda" or "cpu",
// which is the default. Where there is no GPU to check, the program ends before its first test with status 77
// and the reason.
namespace graphrun::test {

bool on_gpu();
// A CPU backend of so many threads (0: as many as the process may use), or the GPU's, which all share.
std::shared_ptr<model::Backend> test_backend(int threads = 0);
// Of a relative distance: on a GPU, sums have another order than on the CPU that `on_host` was found on.
inline double bar(double on_host) { return on_gpu() && on_host < 1e-4 ? 1e-4 : on_host; }
// Added to the seeds of random input: the environment's GRAPHRUN_TEST_SEED, 0 where it has none.
std::uint64_t seed_offset();

}  // namespace graphrun::test
