#pragma once

#include <filesystem>
#include <string>

#include "graphrun/status.h"

namespace graphrun::training {

// A model as a user names it: its file, or the folder of a run.
struct ModelChoice {
  std::filesystem::path run;  // empty: none
  std::string model;          // a .fb or a bundle
  std::string weights;        // may be empty where it is not a run
};

// `weights`: a file, or of a run empty or "last" for the checkpoint that has gone furthest, "best" for the
// one that validation has found best. Errors: the run has no such checkpoint; "best" or "last" without a run.
Result<ModelChoice> choose_model(const std::string& model, const std::string& weights);

// Chooses a run's weights alone.
Result<std::string> checkpoint_of(const std::filesystem::path& run, const std::string& weights);

}  // namespace graphrun::training
