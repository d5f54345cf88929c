#pragma once

#include "graphrun/stop.h"

namespace graphrun::tools {

// From here on SIGINT, SIGTERM and SIGUSR1, which mpirun passes on to ranks and which counts as SIGTERM, only
// set a flag, which the token reads; a second one ends the process as usual. For programs: signal handlers
// are the process's.
StopToken watch_signals();

// That of a program which a signal has ended, or 0.
int exit_status_of(Stop stop);

}  // namespace graphrun::tools
