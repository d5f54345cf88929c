#pragma once

namespace graphrun::tools {

// From here on SIGINT, SIGTERM and SIGUSR1, which mpirun passes on to ranks and which counts as SIGTERM, only
// set a flag, which a loop looks at between iterations; a second one ends the process as usual. For programs:
// signal handlers are the process's.
void watch_signals();

// The signal that came, or 0.
int caught_signal();

}  // namespace graphrun::tools
