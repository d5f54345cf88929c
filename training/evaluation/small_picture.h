#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "datasets/sample.h"
#include "graphrun/status.h"

namespace graphrun::training {

// The size with the longer side at most `side`, and the same aspect.
imaging::Extent within(const imaging::Extent& size, std::int64_t side);

// Means of the pixels that fall into one. Precondition: no side grows.
imaging::Image shrunk(const imaging::Image& image, const imaging::Extent& size);
// Nearest pixels.
imaging::LabelMap shrunk(const imaging::LabelMap& map, const imaging::Extent& size);

// Pixel by pixel 0: right, 1: wrong, 2: the label counts nowhere. Precondition: equal sizes.
imaging::LabelMap difference(const imaging::LabelMap& label, const imaging::LabelMap& prediction);

}  // namespace graphrun::training
