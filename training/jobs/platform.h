#pragma once

#include <functional>
#include <memory>

#include "graphrun/kernel/op_def.h"
#include "graphrun/status.h"
#include "runtime/collective/communicator.h"
#include "runtime/model/backend.h"

namespace graphrun::training {

// This process as one of those that do a job together.
struct RankOfJob {
  std::shared_ptr<collective::Communicator> comm;  // with memory of the host
  int threads = 0;                                 // of this rank; 0: all that its process may use
};

// What a job takes from the program that it runs in: training knows neither kernels nor devices by name.
struct Platform {
  const OpRegistry& ops;
  // Called once, before `open_device`: ranks of a host divide its processors before threads are made.
  std::function<Result<RankOfJob>(double timeout_s)> join_ranks;
  std::function<Result<std::shared_ptr<model::Backend>>()> open_device;
};

}  // namespace graphrun::training
