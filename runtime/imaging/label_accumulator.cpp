#include "runtime/imaging/label_accumulator.h"

#include <string>

#include "runtime/imaging/host_label_accumulator.h"

namespace graphrun::imaging {
namespace {

Result<const DeviceImaging*> imaging_of(const model::Backend& backend) {
  const auto* const service = model::service_of<DeviceImaging>(backend);
  if (service != nullptr) return service;
  return {ErrorCode::unsupported, "label maps cannot be computed on " + std::string(backend.device())};
}

}  // namespace

Result<std::unique_ptr<LabelAccumulator>> make_label_accumulator(
    const std::shared_ptr<model::Backend>& backend, const LabelAccumulator::Settings& settings) {
  if (backend->is_host()) return make_host_label_accumulator(*backend, settings);
  GRAPHRUN_ASSIGN(const DeviceImaging* const service, imaging_of(*backend));
  return service->make_label_accumulator(backend, settings);
}

Result<std::int64_t> free_device_bytes(const model::Backend& backend) {
  GRAPHRUN_ASSIGN(const DeviceImaging* const service, imaging_of(backend));
  return service->free_bytes(backend);
}

}  // namespace graphrun::imaging
