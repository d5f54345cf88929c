#include "runtime/collective/mpi.h"

namespace graphrun {

std::string mpi_version() { return {}; }
bool started_by_launcher() { return false; }

Result<std::unique_ptr<Communicator>> join_mpi(const MpiOptions&) {
  return {ErrorCode::invalid_argument, "this build has no MPI: one rank only"};
}

}  // namespace graphrun
