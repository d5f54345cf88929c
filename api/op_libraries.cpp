#include "runtime/plugin/op_libraries.h"

#include "graphrun/op_libraries.h"
#include "runtime/core/guard.h"

namespace graphrun {

Result<std::shared_ptr<const OpLibrary>> open_op_library(const std::string& path) try {
  return plugin::open_op_library(path);
} catch (...) {
  return core::caught();
}

}  // namespace graphrun
