#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// Folders where graphrun's own data lies ("datasets", "graphs"), best first: $GRAPHRUN_HOME/KIND, beside an
// installed program (PREFIX/share/graphrun/KIND), the source tree a program was built in, ./KIND. Only those
// that exist, each once.
std::vector<std::filesystem::path> data_folders(const std::string& kind);

// A data set's descriptor by name, looked up in data_folders("datasets"), or by path.
Result<Descriptor> find_descriptor(const std::string& name_or_path);

}  // namespace graphrun::datasets
