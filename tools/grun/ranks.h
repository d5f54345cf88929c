#pragma once

#include <memory>

#include "runtime/collective/communicator.h"
#include "tools/grun/common_options.h"

namespace graphrun::tools {

// This process among those that mpirun or srun started for the job, or alone where none did. Ranks of a host
// that may use the same CPUs divide them: each is bound to its share, and --threads, where it is not given,
// becomes as many. So it comes before the backend and before any thread. Where the launcher has bound ranks
// to CPUs of their own, that stays. With --device cuda the first rank of a host gets its first GPU, and so
// on. With fewer CPUs than ranks each has one thread and none is bound; this is said. `timeout_s`: of
// MpiOptions. Errors: MPI's.
Result<std::shared_ptr<collective::Communicator>> join_ranks(CommonOptions& options, double timeout_s);

// The rank that a launcher gave this process, known before ranks have joined; 0 without one.
int launched_rank();

// For the end of a program: prints "grun: error: ...", naming rank and host where `ranks` (null: not joined
// yet) are several, and in that case ends them all with `exit_status`. An error that all ranks have is
// printed by the first alone.
void report_error(collective::Communicator* ranks, const Status& error, int exit_status);

}  // namespace graphrun::tools
