#include "runtime/imaging/planes.h"

#include "runtime/imaging/host_planes.h"
#include "runtime/plugin/gpu_module.h"

namespace graphrun::imaging {

Result<std::unique_ptr<Planes>> make_planes(const std::shared_ptr<model::Backend>& backend,
                                            const Planes::Settings& settings) {
  if (backend->is_host()) return make_host_planes(*backend, settings);
  GRAPHRUN_ASSIGN(const plugin::GpuModule* const module, plugin::gpu_module());
  return module->make_planes(backend, settings);
}

Result<std::int64_t> free_device_bytes(const model::Backend& backend) {
  GRAPHRUN_ASSIGN(const plugin::GpuModule* const module, plugin::gpu_module());
  return module->free_bytes(backend);
}

}  // namespace graphrun::imaging
