#pragma once

#include <memory>

#include "runtime/labelling/protocol.h"

namespace graphrun::labelling {

// Overlapping crops of the image at several scales go through the network in batches, each with its mirror
// image; their probabilities are averaged over crops, brought back to the image's size, and summed over
// scales. Smaller images lie in the middle of a crop of the mean colour.
Result<std::unique_ptr<Protocol>> make_slide(const ProtocolSettings& settings,
                                             std::shared_ptr<const model::Program> program,
                                             std::shared_ptr<weights::Weights> weights);

}  // namespace graphrun::labelling
