#include <dlfcn.h>

#include <string>

#include "runtime/core/build_stamp.h"
#include "runtime/plugin/gpu_module.h"
#include "runtime/plugin/loader_error.h"

namespace graphrun::plugin {
Result<const GpuModule*> gpu_module(const char* library) {
  const std::string failed = "the GPU backend cannot be loaded: ";
  void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const std::string error = loader_error();
    // The loader names the file that it misses first: this one, or one that this one needs.
    const bool is_absent = error.starts_with(library) && error.ends_with("No such file or directory");
    if (is_absent) {
      return {ErrorCode::unsupported,
              "this build or installation has no part for GPUs (" + std::string(library) + ")"};
    }
    return {ErrorCode::unsupported, failed + error};
  }
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
