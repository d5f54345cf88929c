#include "datasets/codecs_library.h"

#include <dlfcn.h>

#include <string>

#include "datasets/codecs/opencv_codecs.h"

namespace graphrun::datasets {

Result<void*> codecs_function(const char* name) {
  static void* const library = dlopen(kCodecsLibrary, RTLD_NOW | RTLD_LOCAL);
  void* const function = library == nullptr ? nullptr : dlsym(library, name);
  if (function != nullptr) return function;
  const char* const reason = dlerror();
  return {ErrorCode::unsupported, std::string("the image codecs are not installed: ") +
                                      (reason == nullptr ? "an unknown reason" : reason)};
}

}  // namespace graphrun::datasets
