#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "graphrun/status.h"

namespace graphrun::training {

// Runs beside each other, as a table with a column a run: the settings in which they differ, how far they
// have come, their losses and validations, and their newest evaluations of the same split by the same
// protocol, class by class. Errors: usage for fewer than two; a folder that is no run; files of a run that
// are damaged.
Result<std::string> compare_runs(std::span<const std::filesystem::path> folders);

}  // namespace graphrun::training
