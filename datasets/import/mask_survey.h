#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "datasets/sample.h"
#include "graphrun/status.h"
#include "runtime/imaging/image.h"

namespace graphrun::datasets {

// What occurs in the masks of a folder.
struct MaskSurvey {
  LabelForm form = LabelForm::ids;
  std::map<std::uint16_t, std::int64_t> pixels_of_ids;
  std::map<std::uint16_t, imaging::Color> palette;         // of the ids, where all palette files agree
  std::map<std::uint32_t, std::int64_t> pixels_of_colors;  // by packed colour
};

// Reads all of them. Ids where every file is a grey or palette PNG and no palette has the colours of others
// under its indices; else colours. Errors: a file that is neither; more colours or ids than masks have.
Result<MaskSurvey> survey_masks(const std::vector<std::filesystem::path>& masks,
                                const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace graphrun::datasets
