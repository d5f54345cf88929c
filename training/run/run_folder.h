#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "runtime/model/program.h"
#include "training/run/run_origin.h"
#include "training/run/settings.h"

namespace graphrun::training {

// The folder of a training run: model.fb, config.json, run.json, metrics.jsonl, checkpoints/.

// Where a run's data came from, what it computes in, and what made it; run.json.
struct RunRecord {
  std::string dataset;                             // a name, or the absolute path of a descriptor
  std::optional<std::filesystem::path> data_root;  // absolute
  std::string precision = "f32";
  RunOrigin origin;
};
// run.json holds both paths as they are and as seen from the run's folder: a run that was moved together with
// its data finds them by the second.
// From what the command line says: relative paths become absolute, an empty data_root is none.
RunRecord make_run_record(const std::string& dataset, const std::string& data_root);

// exp/DATASET/MODEL/TIME, unused so far. Only the name: nothing is made.
std::filesystem::path new_run_folder(const std::string& dataset, const std::string& model);

// Makes the folder, which may be there, or for a name that was drawn one that is not: then the first of NAME,
// NAME-2 ... that nobody has. The errors of making it without making anything: a parent that cannot be
// written, or is none.
Result<std::filesystem::path> make_run_folder(const std::filesystem::path& folder, bool drawn);
Status check_run_folder(const std::filesystem::path& folder);

// Writes config.json, run.json and model.fb: the program's model with class names and
// palette of the data set, and with the run's settings in the place of the graph's.
Status start_run_folder(const std::filesystem::path& folder, const model::Program& program,
                        const datasets::Descriptor& descriptor, const RunRecord& record,
                        const SettingTable& settings);

Result<RunRecord> read_run_record(const std::filesystem::path& folder);

// Makes exp/latest, below the current folder, a link to the run's folder.
Status point_latest_at(const std::filesystem::path& folder);

// What exp/latest points at; the error says that there is no run yet.
Result<std::filesystem::path> latest_run_folder();

}  // namespace graphrun::training
