#include "tools/grun/ranks.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "api/devices.h"
#include "runtime/collective/host_name.h"
#include "runtime/collective/mpi.h"
#include "tools/terminal/output.h"
#include "training/jobs/ranks.h"

namespace graphrun::tools {

Result<std::shared_ptr<collective::Communicator>> join_ranks(CommonOptions& options, double timeout_s) {
  GRAPHRUN_ASSIGN(training::JoinedRanks joined,
                  training::join_ranks({api::devices().resolve(options.device), options.threads, timeout_s}));
  options.device = joined.device;
  options.threads = joined.threads;
  for (const std::string& note : joined.notes) {
    if (!options.quiet) say("note: {}", note);
  }
  return joined.comm;
}

void report_error(collective::Communicator* comm, const Status& error, int exit_status) {
  const bool several = comm != nullptr && comm->size() > 1;
  const int launched = training::launched_rank();
  // Time for the launcher to end this rank, if another one has told the error already; mpirun takes longer to
  // see a rank that has not joined.
  if (launched > 0) std::this_thread::sleep_for(std::chrono::milliseconds(several ? 500 : 2000));
  const std::string where = several ? comm->describe(comm->rank()) + ": "
                            : collective::started_by_launcher()
                                ? fmt::format("rank {} on {}: ", launched, collective::host_name())
                                : "";
  say("grun: error: {}{}", where, error.message());
  if (several) comm->abort(exit_status);
}

}  // namespace graphrun::tools
