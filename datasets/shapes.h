#pragma once

#include <cstdint>
#include <memory>

#include "datasets/dataset.h"

namespace graphrun::datasets {

inline constexpr int kShapesClasses = 7;

// Image `index` of the generated data set `shapes`: three to five figures of six kinds (classes 1 to 6: disc,
// square, triangle, ring, cross, stripes), turned, shaded and partly hidden by each other, on a textured
// ground (class 0). The same for equal arguments everywhere; figures grow with the smaller side.
Sample make_shapes(std::uint64_t seed, std::int64_t index, std::int64_t height, std::int64_t width);

// The generated split of a descriptor with a generator. Errors: an unknown generator, another number of
// classes.
Result<std::unique_ptr<Dataset>> make_generated(const Descriptor& descriptor, const Split& split);

}  // namespace graphrun::datasets
