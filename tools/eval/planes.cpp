#include "tools/eval/planes.h"

#include "tools/eval/host_planes.h"
#include "tools/gpu/module.h"

namespace graphrun {

Result<std::unique_ptr<Planes>> make_planes(const std::shared_ptr<Backend>& backend,
                                            const Planes::Settings& settings) {
  if (backend->is_host()) return make_host_planes(*backend, settings);
  GRAPHRUN_ASSIGN(const GpuModule* const module, gpu_module());
  return module->make_planes(backend, settings);
}

Result<std::int64_t> free_device_bytes(const Backend& backend) {
  GRAPHRUN_ASSIGN(const GpuModule* const module, gpu_module());
  return module->free_bytes(backend);
}

}  // namespace graphrun
