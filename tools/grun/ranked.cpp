#include "runtime/collective/mpi.h"
#include "tools/grun/commands.h"

namespace graphrun::tools {

void set_ranked_callback(CLI::App& command, Outcome& outcome, std::function<Status()> work) {
  const auto ranks = std::make_shared<int>(1);
  command
      .add_option("--ranks", *ranks,
                  "processes on this host that divide images and cores; several hosts: mpirun -n N grun ...")
      ->check(CLI::Range(1, 4096));
  command.callback([ranks, &outcome, work = std::move(work)] {
    if (*ranks == 1) {
      outcome.status = work();
    } else if (collective::started_by_launcher()) {
      outcome.status = {ErrorCode::usage,
                        "--ranks: mpirun or srun has started this process as a rank already"};
    } else {
      outcome.launch = *ranks;
    }
  });
}

}  // namespace graphrun::tools
