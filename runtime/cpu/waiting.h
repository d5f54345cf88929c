#pragma once

#include <string>

namespace graphrun::cpu {

// How the calling thread's pool waits for its next loop from now on: it spins for some milliseconds, since
// the next loop of a run comes at once, then its threads sleep. LLVM's OpenMP runtime would spin for 200 ms,
// which is all the time between two images of a camera. GNU's has no such call and nothing is done; nor where
// OMP_WAIT_POLICY or KMP_BLOCKTIME say what the user wants.
void sleep_soon();

// Whether the OpenMP runtime of this process starts anew in a forked child: LLVM's does.
bool survives_fork();

// The library whose threads serve this process's parallel regions, e.g. "libomp.so.5"; empty: not known.
std::string openmp_library();

}  // namespace graphrun::cpu
