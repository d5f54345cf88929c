#pragma once

#include <map>
#include <memory>
#include <string>

#include "graphrun/dataset.h"
#include "training/jobs/data.h"

namespace graphrun {

struct Dataset::Impl {
  training::JobData data;
  datasets::Descriptor descriptor;
  std::map<std::string, std::shared_ptr<const Samples>> own;  // as make() got them
  std::vector<std::string> splits;                            // their names
};

}  // namespace graphrun
