#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace graphrun::weights {

// What a file is that somebody gave for weights, and how to get weights from it: an HTML page, a model of
// another framework, a compressed file, ... Empty: it is none of those that are known. Looks at magic numbers
// alone, never follows anything in the file.
std::string describe_other_file(std::span<const std::byte> file);

}  // namespace graphrun::weights
