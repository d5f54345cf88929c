#pragma once

#include <functional>

#include "graphrun/status.h"

// Teams of OpenMP: how many threads a parallel region really has. oneDNN plans with the number that it is
// told, and its threads wait for each other: with fewer they would wait for ever.
namespace graphrun::cpu {

// The threads of a region that asks for `threads`: OMP_THREAD_LIMIT and OMP_MAX_ACTIVE_LEVELS may grant
// fewer. To be asked once, before anything is planned. Errors: check_process(); so many threads cannot be
// started (out_of_memory), where OpenMP would end the process; stacks too small for kernels.
Result<int> team_size(int threads);

// What limits teams in this process's environment, e.g. "OMP_THREAD_LIMIT=1"; empty where nothing does.
std::string team_limit();

// Runs `work` where its regions have `threads` threads: on the calling thread, or where that is in a parallel
// region itself or its program has limited it, on one of its own. Errors: check_process(); those of `work`.
Status with_team(int threads, const std::function<Status()>& work);

// Error (unsupported): this process was forked from one that had asked for teams before, whose threads the
// OpenMP runtime counts on here and does not have. LLVM's runtime starts anew in a child, and a single thread
// needs none.
Status check_process();

}  // namespace graphrun::cpu
