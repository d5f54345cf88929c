#pragma once

#include <filesystem>
#include <string>

#include "datasets/dataset.h"
#include "datasets/descriptor.h"
#include "graphrun/status.h"

namespace graphrun::training {

// The worst, least certain and best images of an evaluation whose pictures lie in `results`: image, label,
// prediction and difference, shrunk so that all of them take at most 3.2 MB. Errors: no label maps there, or
// none that can be scored; an image that cannot be read.
Result<std::string> pictures_section(const datasets::Dataset& data, const datasets::Descriptor& descriptor,
                                     const std::filesystem::path& results);

}  // namespace graphrun::training
