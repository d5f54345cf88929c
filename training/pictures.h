#pragma once

#include <cstdint>
#include <span>

#include "datasets/augment.h"
#include "datasets/sample.h"

namespace graphrun::training {

// A sample as the network sees it, its label and the prediction, side by side. `image` is (H, W, channels)
// and normalised as `augment` says; of what is no picture the first three channels are shown, or the first in
// grey. Label and prediction are class ids (H, W). Ids without a colour are black.
imaging::Image side_by_side(const datasets::AugmentSettings& augment, bool is_picture, const float* image,
                            std::span<const std::int32_t> label, std::span<const std::int32_t> prediction,
                            std::span<const imaging::Color> palette);

}  // namespace graphrun::training
