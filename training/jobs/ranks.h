#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/collective/communicator.h"

namespace graphrun::training {

struct RankOptions {
  std::string device = "cpu";  // cpu, cuda (each rank its own GPU of its host), cuda:N
  int threads = 0;             // 0: this rank's share of what its process may use
  double timeout_s = 45;       // of MpiOptions
};

struct JoinedRanks {
  std::shared_ptr<collective::Communicator> comm;
  std::string device;  // of this rank
  int threads = 0;     // of this rank; 0: all that its process may use
  // What the user of the host may want to know about how its processors are divided; only the first rank of
  // a host has any.
  std::vector<std::string> notes;
};

// This process among those that mpirun or srun started for the job, or alone where none did. Ranks of a host
// that may use the same CPUs divide them: each is bound to its share, and `threads`, where it is not given,
// becomes as many. So it comes before the backend and before any thread. Where the launcher has bound ranks
// to CPUs of their own, that stays. With the device cuda the first rank of a host gets its first GPU, and so
// on. With fewer CPUs than ranks each has one thread and none is bound. Errors: MPI's.
Result<JoinedRanks> join_ranks(const RankOptions& options);

// The rank that a launcher gave this process, known before ranks have joined; 0 without one.
int launched_rank();

}  // namespace graphrun::training
