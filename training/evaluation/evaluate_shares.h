#pragma once

#include "runtime/collective/communicator.h"
#include "training/evaluation/evaluate.h"

namespace graphrun::training {

// Evaluates `data` by all ranks, each its Subset::shard; every rank gets the sums. `protocol` has memory for
// that share. The first rank's observer hears of all ranks' images; with several ranks what they have so far
// is not known to it. A rank that no other hears of for the communicator's timeout, however long an image
// takes, counts as hung: the error names it, and comes once this rank has done the image that it has in hand.
// Where any rank's `stop` asks, all end with the error `interrupted`.
Result<Evaluation> evaluate_shares(const datasets::Dataset& data, labelling::Protocol& protocol,
                                   const EvaluationWishes& wishes, collective::Communicator& comm,
                                   EvalObserver& observer, const PipelineDepth& depth = {},
                                   const StopToken& stop = {});

}  // namespace graphrun::training
