#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace graphrun::core {

// Folders where graphrun's own data lies ("datasets", "graphs"), best first: $GRAPHRUN_HOME/KIND, beside an
// installed program (PREFIX/share/graphrun/KIND), the source tree a program was built in, ./KIND. Only those
// that exist, each once.
std::vector<std::filesystem::path> data_folders(const std::string& kind);

}  // namespace graphrun::core
