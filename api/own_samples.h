#pragma once

#include <memory>

#include "datasets/dataset.h"
#include "graphrun/dataset.h"

namespace graphrun::api {

// A caller's samples for graphrun's own use: what they give is checked, what they throw becomes an error.
std::shared_ptr<const datasets::Dataset> own_samples(std::shared_ptr<const Samples> samples, int classes,
                                                     const SampleForm& form);

// graphrun's samples for a caller's use.
std::shared_ptr<const Samples> public_samples(std::shared_ptr<const datasets::Dataset> samples);

}  // namespace graphrun::api
