#include <dlfcn.h>

#include "runtime/plugin/gpu_module.h"

namespace graphrun::plugin {

Result<const GpuModule*> gpu_module() {
  static const Result<const GpuModule*> opened = []() -> Result<const GpuModule*> {
    void* const library = dlopen(kGpuLibrary, RTLD_NOW | RTLD_LOCAL);
    void* const function = library == nullptr ? nullptr : dlsym(library, kGpuFunction);
    const std::string failed = "the GPU backend cannot be loaded: ";
    if (function == nullptr) return {ErrorCode::unsupported, failed + dlerror()};
    const GpuModule* const module = reinterpret_cast<GetGpuModule>(function)();
    if (module->interface == GpuModule::kInterface) return module;
    return {ErrorCode::unsupported, failed + kGpuLibrary + " is of another version of graphrun"};
  }();
  return opened;
}

}  // namespace graphrun::plugin
