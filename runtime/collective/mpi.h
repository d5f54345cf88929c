#pragma once

#include <memory>
#include <string>

#include "runtime/collective/communicator.h"

namespace graphrun::collective {

struct MpiOptions {
  // Seconds that an operation may wait for other ranks; after it they count as hung. Above 0.
  double timeout_s = 45;
};

// "Open MPI v4.1.4 ..."; empty in a build without MPI.
std::string mpi_version();

// A launcher (mpirun, srun) has started this process as one of several ranks: its environment says so.
bool started_by_launcher();

// All ranks of the job; host memory. Initialises MPI, which a process can do once; MPI ends with the last
// communicator. All operations are of the thread that calls this. Errors: a build without MPI, MPI's own.
Result<std::unique_ptr<Communicator>> join_mpi(const MpiOptions& options);

}  // namespace graphrun::collective
