#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "datasets/descriptor.h"
#include "runtime/core/status.h"
#include "runtime/model/program.h"

namespace graphrun {

// The folder of a training run: model.fb, config.json, metrics.jsonl, checkpoints/.

// exp/DATASET/MODEL/TIME, unused so far. Only the name: nothing is made.
std::filesystem::path new_run_folder(const std::string& dataset, const std::string& model);

// Makes the folder, points exp/latest at it, and writes model.fb: the program's model with class
// names and palette of the data set.
Status start_run_folder(const std::filesystem::path& folder, const Program& program,
                        const Descriptor& descriptor, const std::string& config_json);

// What exp/latest points at; the error says that there is no run yet.
Result<std::filesystem::path> latest_run_folder();

}  // namespace graphrun
