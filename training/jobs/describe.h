#pragma once

#include <filesystem>
#include <string>

#include "graphrun/status.h"

namespace graphrun::training {

// What a run's folder holds, in lines: its data, how far it has come, its checkpoints.
Result<std::string> describe_run(const std::filesystem::path& folder);

}  // namespace graphrun::training
