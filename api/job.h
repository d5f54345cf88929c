#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graphrun/dataset.h"
#include "graphrun/op_libraries.h"
#include "graphrun/status.h"
#include "ops/registry.h"
#include "training/jobs/data.h"
#include "training/jobs/platform.h"
#include "training/run/resolve.h"

// What trainer and evaluation make of their callers' options.
namespace graphrun::api {

// Error: an unknown name.
Result<DType> precision_of(const std::string& name);

// Where a job computes, and with whose ops.
struct JobPlace {
  std::string device;
  int threads = 0;
  std::string cache;
  DType precision = DType::f32;
  bool join_ranks = true;
  OpLibraries libraries{};
  std::shared_ptr<const OpRegistry> ops{};  // with theirs; what the job opens refers to it
};
// Options: TrainerOptions, EvaluateOptions. Errors: an unknown precision, libraries that do not go together.
template <class Options>
Result<JobPlace> place_of(const Options& options) {
  JobPlace place{options.device, options.threads, options.cache, {}, options.join_ranks, options.ops};
  GRAPHRUN_ASSIGN(place.precision, precision_of(options.precision));
  GRAPHRUN_ASSIGN(place.ops, ops::op_registry_with(options.ops));
  return place;
}

// This process for a job: ranks, if asked for, and the device by name. The place must outlive it; it becomes
// this rank's. Notes about the ranks go to `notes`.
training::Platform platform(JobPlace& place, std::vector<std::string>& notes);

// Error: both or neither of a name and own data; `may_be_absent`: neither is fine.
Result<training::JobData> job_data(const std::string& dataset, const std::string& root,
                                   const std::optional<Dataset>& data, bool may_be_absent);

training::SettingSources setting_sources(const std::vector<std::string>& configs,
                                         const std::map<std::string, std::string>& settings);

// What both jobs are asked in the same words: all of that but the place.
template <class Request, class Options>
Result<Request> begin_request(const Options& options, bool data_may_be_absent) {
  Request request;
  request.model = options.model;
  GRAPHRUN_ASSIGN(request.data,
                  job_data(options.dataset, options.data_root, options.data, data_may_be_absent));
  request.weights = options.weights;
  request.folder = options.folder;
  request.settings = setting_sources(options.configs, options.settings);
  request.parameters.insert(options.parameters.begin(), options.parameters.end());
  GRAPHRUN_ASSIGN(request.precision, precision_of(options.precision));
  return request;
}

// There is no command line here.
Status without_usage(Status status);

}  // namespace graphrun::api
