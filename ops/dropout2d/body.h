#pragma once

#include <stdint.h>

#include "graphrun/device_function.h"
#include "runtime/core/random.h"

namespace graphrun::ops::dropout2d {

// What a channel is multiplied by: 0 with probability p, else 1/(1 - p). A function of where the channel
// stands in the whole training alone. The top bit keeps the counters apart from those of other purposes,
// which are small numbers in that place.
GRAPHRUN_DEVICE inline float channel_factor(int64_t seed, int64_t iteration, int64_t stream, int64_t sample,
                                            int64_t channel, float p) {
  const core::Philox4 random =
      core::philox4x32(static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32),
                       static_cast<uint32_t>(iteration), static_cast<uint32_t>(stream) | 0x80000000u,
                       static_cast<uint32_t>(sample), static_cast<uint32_t>(channel));
  return core::uniform_float(random.word[0]) < p ? 0.0f : 1.0f / (1.0f - p);
}

}  // namespace graphrun::ops::dropout2d
