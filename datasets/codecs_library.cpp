#include "datasets/codecs_library.h"

#include <dlfcn.h>

#include <string>

#include "datasets/codecs/frame_reader.h"
#include "datasets/codecs/opencv_codecs.h"

namespace graphrun::datasets {
namespace {

Result<void*> function_of(void* library, const char* name, const std::string& what) {
  void* const function = library == nullptr ? nullptr : dlsym(library, name);
  if (function != nullptr) return function;
  const char* const reason = dlerror();
  return {ErrorCode::unsupported,
          what + " are not installed: " + (reason == nullptr ? "an unknown reason" : reason)};
}

}  // namespace

Result<void*> codecs_function(const char* name) {
  static void* const library = dlopen(kCodecsLibrary, RTLD_NOW | RTLD_LOCAL);
  return function_of(library, name, "the image codecs");
}

Result<void*> video_function(const char* name) {
  static void* const library = dlopen(kVideoLibrary, RTLD_NOW | RTLD_LOCAL);
  return function_of(library, name, "the video codecs");
}

}  // namespace graphrun::datasets
