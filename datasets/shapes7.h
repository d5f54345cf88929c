#pragma once

#include <cstdint>

#include "datasets/sample.h"

namespace graphrun::datasets {

inline constexpr int kShapes7Classes = 4;
inline constexpr std::int64_t kShapes7Channels = 7;

// Image `index` of the generated data set `shapes7`, with the first of its seven channels of 16 bits: discs
// of crop, weed and stone on soil. Crop and weed are told apart by the sixth channel alone. The same for
// equal arguments everywhere; figures grow with the smaller side.
Sample make_shapes7(std::uint64_t seed, std::int64_t index, std::int64_t height, std::int64_t width,
                    std::int64_t channels);

}  // namespace graphrun::datasets
