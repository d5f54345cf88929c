#pragma once

#include <string>

#include "datasets/descriptor.h"
#include "graphrun/status.h"

namespace graphrun::datasets {

// A data set's descriptor by name, looked up in core::data_folders("datasets"), or by path.
Result<Descriptor> find_descriptor(const std::string& name_or_path);

}  // namespace graphrun::datasets
