#include "api/job.h"

#include <utility>

#include "api/dataset.h"
#include "api/devices.h"
#include "ops/cpu_training.h"
#include "runtime/collective/self.h"
#include "runtime/model/eight_bits.h"
#include "training/jobs/ranks.h"

namespace graphrun::api {

training::Platform platform(JobPlace& place, std::vector<std::string>& notes) {
  const auto join = [&place, &notes](double timeout_s) -> Result<training::RankOfJob> {
    if (!place.join_ranks) return training::RankOfJob{collective::make_self(), place.threads};
    GRAPHRUN_ASSIGN(training::JoinedRanks joined,
                    training::join_ranks({devices().resolve(place.device), place.threads, timeout_s}));
    place.device = joined.device;
    place.threads = joined.threads;
    notes.insert(notes.end(), joined.notes.begin(), joined.notes.end());
    return training::RankOfJob{joined.comm, joined.threads};
  };
  const auto open = [&place]() -> Result<std::shared_ptr<model::Backend>> {
    GRAPHRUN_ASSIGN(
        std::shared_ptr<model::Backend> backend,
        devices()
            .open(place.device, {place.threads, place.cache, ops::with_training_kernels(place.libraries)})
            .with_context("device " + place.device));
    GRAPHRUN_TRY(model::check_precision(*backend, place.precision)
                     .with_context("precision " + std::string(model::precision_name(place.precision))));
    return backend;
  };
  return {*place.ops, join, open};
}

Result<DType> precision_of(const std::string& name) {
  if (const std::optional<DType> type = model::precision_of(name)) return *type;
  return {ErrorCode::invalid_argument, "precision " + name + ": expected f32, bf16 or int8"};
}

Result<training::JobData> job_data(const std::string& dataset, const std::string& root,
                                   const std::optional<Dataset>& data, bool may_be_absent) {
  if (data && !dataset.empty())
    return {ErrorCode::invalid_argument, "`dataset` and `data` exclude each other: give one of them"};
  if (data && !root.empty())
    return {ErrorCode::invalid_argument, "`data_root` is of `dataset`; `data` knows where its files are"};
  if (data) return data->impl().data;
  if (dataset.empty() && !may_be_absent)
    return {ErrorCode::invalid_argument, "there is no data: give `dataset` or `data`"};
  return training::JobData{dataset, root};
}

training::SettingSources setting_sources(const std::vector<std::string>& configs,
                                         const std::map<std::string, std::string>& settings) {
  training::SettingSources sources{configs, {}, {}};
  for (const auto& [name, value] : settings) {
    std::string assignment = name;
    assignment += '=';
    sources.sets.push_back(assignment.append(value));
  }
  return sources;
}

Status without_usage(Status status) {
  if (status.ok() || status.code() != ErrorCode::usage) return status;
  return {ErrorCode::invalid_argument, status.message()};
}

}  // namespace graphrun::api
