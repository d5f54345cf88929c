#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/weights/quantised.h"

namespace graphrun::training {

// A weight in s8, -127 to 127, with the scale of each of its `channels` (the first axis) that loses least in
// the mean of squares.
weights::EightBitTensor round_weight(std::span<const float> values, std::int64_t channels);

// By channel of the outputs: how much the rounding shifts what a convolution gives, where `means` are those
// of its input's channels, and each output reads as many of them as the weight's second axis has: of several
// groups its own. `taps`: elements of the weight for each of these.
std::vector<double> rounding_shift(std::span<const float> values, const weights::EightBitTensor& rounded,
                                   std::span<const double> means, std::int64_t taps);

}  // namespace graphrun::training
