#pragma once

#include <memory>
#include <span>
#include <vector>

#include "graphrun/stop.h"
#include "runtime/collective/communicator.h"
#include "runtime/session/train_session.h"
#include "training/run/settings.h"
#include "training/trainer.h"

namespace graphrun::training {

// How the settings want several ranks to work together. Every rank calls it. Errors: groups of batch norm
// that do not divide the ranks; on a GPU, NCCL's. `ranks`: of the host.
Result<session::DataParallel> data_parallel(const SettingTable& settings,
                                            const std::shared_ptr<collective::Communicator>& comm,
                                            const model::Backend& backend);

// Refuses ranks whose model, settings, data lists or starting point differ from the first one's. Every rank
// calls it and has the same error, which names the rank and what differs.
Status require_same_job(collective::Communicator& comm, const TrainJob& job);

// Gives every rank the first one's values of these kinds of variables. `ranks`: of the host.
Status broadcast_weights(collective::Communicator& comm, const model::Program& program,
                         weights::Weights& weights, const std::vector<VariableKind>& kinds);

// Adds up `counts` of all ranks, and asks every one whether it is to stop: Stop::terminated where any rank is
// asked to terminate, else Stop::interrupted where any is interrupted. Every rank has the same answer.
Result<Stop> vote(collective::Communicator& comm, const StopToken& stop, std::span<std::int64_t> counts = {});

}  // namespace graphrun::training
