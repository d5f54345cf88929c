#include "datasets/locate.h"

#include "runtime/core/data_folders.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

Result<Descriptor> find_descriptor(const std::string& name_or_path) try {
  return load_descriptor(name_or_path, core::data_folders("datasets"));
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
