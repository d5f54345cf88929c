#pragma once

#include "graphrun/status.h"

namespace graphrun::datasets {

// A function of the codecs' library (datasets/codecs), which is opened with the first. Errors (unsupported):
// the library is not there, or of another version.
Result<void*> codecs_function(const char* name);
// Finds a function likewise in the library of video codecs.
Result<void*> video_function(const char* name);

}  // namespace graphrun::datasets
