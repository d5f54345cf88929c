#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graphrun/dataset.h"
#include "graphrun/status.h"
#include "training/jobs/data.h"
#include "training/jobs/platform.h"
#include "training/run/resolve.h"

// What trainer and evaluation make of their callers' options.
namespace graphrun::api {

// Where a job computes.
struct JobPlace {
  std::string device;
  int threads = 0;
  std::string cache;
  DType precision = DType::f32;
  bool join_ranks = true;
};

// This process for a job: ranks, if asked for, and the device by name. The place must outlive it; it becomes
// this rank's. Notes about the ranks go to `notes`.
training::Platform platform(JobPlace& place, std::vector<std::string>& notes);

// Error: an unknown name.
Result<DType> precision_of(const std::string& name);

// Error: both or neither of a name and own data; `may_be_absent`: neither is fine.
Result<training::JobData> job_data(const std::string& dataset, const std::string& root,
                                   const std::optional<Dataset>& data, bool may_be_absent);

training::SettingSources setting_sources(const std::vector<std::string>& configs,
                                         const std::map<std::string, std::string>& settings);

// There is no command line here.
Status without_usage(Status status);

}  // namespace graphrun::api
