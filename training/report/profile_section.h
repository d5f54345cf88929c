#pragma once

#include <filesystem>
#include <string>

#include "graphrun/status.h"

namespace graphrun::training {

// Times by kernel from a trace that `grun train --profile` or `grun bench --profile` has written. Errors: no
// such file; a file that is no trace.
Result<std::string> profile_section(const std::filesystem::path& trace);

}  // namespace graphrun::training
