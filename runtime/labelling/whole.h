#pragma once

#include <memory>

#include "runtime/labelling/protocol.h"

namespace graphrun::labelling {

// The whole image at several scales, one pass each, with its mirror image; the size of a scale is that of
// slide. Below and to the right the view is padded with the mean colour up to the next size that the model's
// requirements accept. Logits are cropped back, resized to the image's size, and only then made
// probabilities, which are summed over views and scales: the whole mode of mmsegmentation.
Result<std::unique_ptr<Protocol>> make_whole(const ProtocolSettings& settings,
                                             std::shared_ptr<const model::Program> program,
                                             std::shared_ptr<weights::Weights> weights);

}  // namespace graphrun::labelling
