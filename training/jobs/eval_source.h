#pragma once

#include <filesystem>
#include <string>

#include "graphrun/status.h"
#include "training/jobs/eval.h"

namespace graphrun::training {

// Where an evaluation's model, weights and data come from.
struct EvalSource {
  std::filesystem::path run;  // empty: none
  std::string model;
  std::string weights;
  JobData data;
};

// What the request leaves open comes from a run's folder. Errors: usage where something is missing; there is
// no run, or none with a checkpoint.
Result<EvalSource> find_eval_source(const EvalRequest& request);

// Folder of the results of saved predictions, and of an evaluated network.
std::filesystem::path prediction_folder(const EvalRequest& request, const EvalSource& source,
                                        const datasets::SampleRange& range);
std::filesystem::path label_folder(const EvalRequest& request, const EvalSource& source,
                                   const std::string& protocol);
// The last part of its name: the protocol and the part of the split.
std::string protocol_folder(const labelling::ProtocolSettings& protocol, const datasets::SampleRange& range);

}  // namespace graphrun::training
