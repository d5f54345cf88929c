#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace graphrun::training {

// The results of an evaluation in a run's folder: RUN/result/CHECKPOINT/SPLIT/PROTOCOL.
struct EvaluationFolder {
  std::filesystem::path folder;
  std::string checkpoint;
  std::string split;
  std::string protocol;
  std::filesystem::file_time_type time;  // of its metrics.json
};

// Those that have a metrics.json.
std::vector<EvaluationFolder> find_evaluations(const std::filesystem::path& run);

}  // namespace graphrun::training
