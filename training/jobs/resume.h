#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "datasets/descriptor.h"
#include "graphrun/dtype.h"
#include "graphrun/status.h"
#include "runtime/model/program.h"

namespace graphrun::training {

// A run that goes on, and the checkpoint that it goes on from.
struct ResumePoint {
  std::filesystem::path folder;
  std::filesystem::path checkpoint;
};

// `resume`: empty, auto, or a run's folder; `folder`: that of the new run, may be empty. Empty for a new run:
// auto goes on with `folder`'s run, or else the latest, if that has a checkpoint. Errors: a folder that was
// named has no checkpoint.
Result<std::optional<ResumePoint>> find_resume_point(const std::string& resume, const std::string& folder);

// A run goes on with its own data set, network and precision. `own_choice`: the user has named the run.
Status check_resumed(const std::filesystem::path& run, DType precision,
                     const datasets::Descriptor& descriptor, const model::Program& program, bool own_choice);

}  // namespace graphrun::training
