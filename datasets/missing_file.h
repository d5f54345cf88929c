#pragma once

#include <filesystem>
#include <string>

namespace graphrun::datasets {

// For the error about a path of a list that leads to no file: "; there is images/a.png" where a file is there
// that may be meant (another ending, one ending too many, backslashes), or that the name is not UTF-8; else
// empty.
std::string missing_file_hint(const std::filesystem::path& path);

}  // namespace graphrun::datasets
