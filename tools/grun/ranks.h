#pragma once

#include <memory>

#include "runtime/collective/communicator.h"
#include "tools/grun/common_options.h"

namespace graphrun::tools {

// training::join_ranks with what the command line says: --device and --threads become those of this rank.
// Says how the CPUs of a host are divided where that is worth knowing.
Result<std::shared_ptr<collective::Communicator>> join_ranks(CommonOptions& options, double timeout_s);

// For the end of a program: prints "grun: error: ...", naming rank and host where `ranks` (null: not joined
// yet) are several, and in that case ends them all with `exit_status`. An error that all ranks have is
// printed by the first alone.
void report_error(collective::Communicator* comm, const Status& error, int exit_status);

}  // namespace graphrun::tools
