#pragma once

#include <vector>

#include "graphrun/status.h"
#include "runtime/model/program.h"

// The optimiser's state and update shared out among ranks (stage 1 of ZeRO: Rajbhandari et al. 2020, "ZeRO:
// Memory Optimizations Toward Training Trillion Parameter Models", section 5.1), by whole parameters.
namespace graphrun::session {

// By index of Model::variables: the rank that updates a parameter, which also has its state; the same for its
// gradient and its state; -1 for what is not trained, and for the optimiser's scalars, which every rank has.
// Parameters with gradients are cut, in their order, into one run a rank with about as many bytes each.
std::vector<int> partition_parameters(const model::Program& program, int comm);

// By index of Model::variables: whether `rank` holds an optimiser state. `owners`: partition_parameters()'s.
std::vector<bool> held_by(const std::vector<int>& owners, int rank);

// `update` without what belongs to other ranks. A node of which only scalars are left stays, so that they go
// on as on the other ranks. Errors: a node that does not write in place.
Result<model::Method> shard_update(const model::Model& model, const model::Method& update,
                                   const std::vector<int>& owners, int rank);

}  // namespace graphrun::session
