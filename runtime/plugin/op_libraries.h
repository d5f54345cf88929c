#pragma once

#include <memory>
#include <span>
#include <string>

#include "graphrun/kernel/op_library.h"
#include "graphrun/status.h"

namespace graphrun::plugin {

// The library of a shared object (graphrun/kernel/op_module.h), which stays loaded as long as the pointer or
// a copy of it (a registry's, a backend's) lives. A path without a folder is one of the working directory.
// Opening runs the library's code: it can do all that this process can. Errors: not_found; invalid_file where
// it is no op library; unsupported where it was compiled against other headers (both hashes are named).
Result<std::shared_ptr<const OpLibrary>> open_op_library(const std::string& path);
Result<OpLibraries> open_op_libraries(std::span<const std::string> paths);

}  // namespace graphrun::plugin
