#pragma once

#include "datasets/augment.h"
#include "datasets/metrics.h"
#include "runtime/core/status.h"
#include "tools/train/trainer.h"

namespace graphrun {

// Metrics on centre crops of the training size of job.validation: the quick look that the reference takes
// between epochs. Crop by crop, so that batch_size_val changes nothing but is accepted. `grun eval` is the
// real evaluation.
Result<Metrics> validate_crops(const TrainJob& job, AugmentSettings augment);

}  // namespace graphrun
