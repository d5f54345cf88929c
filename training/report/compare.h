#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "graphrun/status.h"

namespace graphrun::training {

enum class CompareForm {
  text,  // a table for a terminal
  csv,
  svg,  // the scores of the newest evaluation that most runs share, as bars
};

// Runs beside each other, with a column a run: the settings in which they differ, how far they have come,
// their losses and validations, and their newest evaluations of the same split by the same protocol, class by
// class; behind a result of a later run, by how much it differs from the first. Errors: usage for fewer than
// two; a folder that is no run; files of a run that are damaged; no evaluation to draw.
Result<std::string> compare_runs(std::span<const std::filesystem::path> folders,
                                 CompareForm form = CompareForm::text);

// The runs below a folder, the newest last: name, network, data set, epochs, best mIoU, state, when. Runs
// whose files are damaged are listed as such. `csv`: as such a table. Error: not_found where there is none.
Result<std::string> list_runs(const std::filesystem::path& folder, bool csv);

}  // namespace graphrun::training
