#pragma once

// The version of these headers, for the preprocessor; C reads this header too.
#define GRAPHRUN_VERSION_MAJOR 0
#define GRAPHRUN_VERSION_MINOR 1
#define GRAPHRUN_VERSION_PATCH 0
#define GRAPHRUN_VERSION "0.1.0"

#ifdef __cplusplus
#include <string_view>

#include "graphrun/api.h"

namespace graphrun {

// The version of the library that runs, which may be later than GRAPHRUN_VERSION: "0.1.0".
GRAPHRUN_API std::string_view version() noexcept;

// Which build of that version it is, for reports of faults: the beginning of a hash of its headers and
// compiler, and the kind of build, such as "3f9c1d20ab47 Release". Ends in a null character.
GRAPHRUN_API std::string_view build() noexcept;

}  // namespace graphrun
#endif
