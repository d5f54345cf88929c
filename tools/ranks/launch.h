#pragma once

#include <span>
#include <string>

#include "graphrun/status.h"

namespace graphrun::tools {

// Starts this program on `ranks` ranks of this host by mpirun, with the same arguments (those of main,
// without its first) but --ranks, and waits. The exit status is that of the first rank that failed; after
// SIGINT or SIGTERM, which ranks get as a wish to stop (SIGUSR1), 130 or 143; a second signal ends the ranks.
// Of mpirun's own messages only those stay that say what graphrun does not. Errors: no mpirun; a rank that
// was killed, with its host.
Result<int> launch_ranks(int ranks, std::span<char* const> arguments);

}  // namespace graphrun::tools
