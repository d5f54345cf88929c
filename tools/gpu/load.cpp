#include <dlfcn.h>

#include "tools/gpu/module.h"

namespace graphrun {

Result<const GpuModule*> gpu_module() {
  static const Result<const GpuModule*> opened = []() -> Result<const GpuModule*> {
    void* const library = dlopen(kGpuLibrary, RTLD_NOW | RTLD_LOCAL);
    void* const function = library == nullptr ? nullptr : dlsym(library, kGpuFunction);
    if (function != nullptr) return reinterpret_cast<GetGpuModule>(function)();
    return {ErrorCode::unsupported, std::string("the GPU backend cannot be loaded: ") + dlerror()};
  }();
  return opened;
}

}  // namespace graphrun
