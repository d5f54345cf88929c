#include "graphrun/version.h"

#include "runtime/core/build_stamp.h"

namespace graphrun {

std::string_view version() noexcept { return GRAPHRUN_VERSION; }
std::string_view build() noexcept { return core::build_name(); }

}  // namespace graphrun
