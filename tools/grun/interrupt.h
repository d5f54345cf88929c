#pragma once

#include "graphrun/stop.h"

namespace graphrun::tools {

// From here on SIGINT, SIGTERM and what counts as SIGTERM, a lost terminal's SIGHUP and the SIGUSR1 that
// mpirun passes on to ranks, only set a flag, which the token reads; a second SIGINT or SIGTERM ends the
// process as usual. A signal that was ignored stays ignored. For programs: signal handlers are the
// process's.
StopToken watch_signals();

// That of a program which a signal has ended, or 0.
int exit_status_of(Stop stop);

}  // namespace graphrun::tools
