#include "runtime/collective/mpi.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace graphrun::collective {

std::string mpi_version() { return {}; }
// Alone under a launcher is no matter; several processes would each do the whole work.
bool started_by_launcher() {
  return std::ranges::any_of(std::array{"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"},
                             [](const char* name) {
                               const char* const size = std::getenv(name);
                               return size != nullptr && std::atoi(size) > 1;
                             });
}

Result<std::unique_ptr<Communicator>> join_mpi(const MpiOptions&) {
  return {ErrorCode::invalid_argument, "this build has no MPI: one rank only"};
}

}  // namespace graphrun::collective
