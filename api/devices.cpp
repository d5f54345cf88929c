#include "api/devices.h"

#include "ops/cpu_backend.h"

namespace graphrun::api {

plugin::Devices devices() {
  const auto open_cpu = [](int, const plugin::DeviceOptions& options) {
    return ops::make_cpu_backend(options.threads, options.libraries);
  };
  return plugin::Devices({plugin::gpu_devices(), {"cpu", false, [] { return std::size_t{1}; }, open_cpu}});
}

}  // namespace graphrun::api
