#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "training/run/evaluations.h"
#include "training/run/run_folder.h"

namespace graphrun::training {

struct SettingFact {
  std::string value;
  std::string source;  // empty where the run does not say
};

// An iteration, as metrics.jsonl has it; what it lacks is not a number.
struct StepFact {
  double iteration = 0;
  double main_loss = 0;
  double lr = 0;
  double data_s = 0;
  double step_s = 0;
};

// An epoch, as epochs.jsonl has it.
struct EpochFact {
  double epoch = 0;
  double iteration = 0;  // its last
  std::optional<double> train_loss;
  std::optional<double> train_iou;
  std::optional<double> val_loss;
  std::optional<double> val_iou;
};

// What the folder of a run says of it.
struct RunFacts {
  std::filesystem::path folder;
  RunRecord record;
  std::map<std::string, SettingFact> settings;
  std::vector<EpochFact> epochs;
  std::vector<EvaluationFolder> evaluations;  // the newest first
  std::filesystem::file_time_type changed;    // when its course was last written

  std::optional<EpochFact> best() const;  // by mIoU_val
  std::string network() const;            // its name; empty where nothing says it
  std::string dataset() const;            // the name without its path
};

// Errors: a folder that is no run; files of it that are damaged.
Result<RunFacts> read_run_facts(const std::filesystem::path& folder);

// Its iterations, in their order; many where it is long.
Result<std::vector<StepFact>> read_steps(const std::filesystem::path& folder);

}  // namespace graphrun::training
