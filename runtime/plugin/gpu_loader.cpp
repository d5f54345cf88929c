#include <dlfcn.h>

#include <string>

#include "runtime/core/build_stamp.h"
#include "runtime/plugin/gpu_module.h"
#include "runtime/plugin/loader_error.h"

namespace graphrun::plugin {
Result<const GpuModule*> gpu_module(const char* library) {
  const std::string failed = "the GPU backend cannot be loaded: ";
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return {ErrorCode::unsupported, failed + loader_error()};
  void* const stamp = dlsym(handle, kModuleStampFunction);
  if (stamp == nullptr || reinterpret_cast<GetModuleStamp>(stamp)() != core::build_stamp()) {
    dlclose(handle);
    return {ErrorCode::unsupported, failed + library + " is of another build of graphrun than this program"};
  }
  void* const function = dlsym(handle, kGpuFunction);
  if (function == nullptr) return {ErrorCode::unsupported, failed + loader_error()};
  return reinterpret_cast<GetGpuModule>(function)();
}

}  // namespace graphrun::plugin
