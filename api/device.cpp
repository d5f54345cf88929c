#include "graphrun/device.h"

#include "api/devices.h"
#include "api/impl.h"
#include "runtime/core/guard.h"
#include "runtime/model/device_id.h"
#include "runtime/model/eight_bits.h"
#include "runtime/model/required_ops.h"

namespace graphrun {

Result<Device> Device::open(std::string_view name, const DeviceOptions& options) try {
  GRAPHRUN_TRY(model::check_libraries(options.ops));
  GRAPHRUN_ASSIGN(std::shared_ptr<model::Backend> backend,
                  api::devices().open(name, {options.threads, options.cache, options.ops}));
  return Device(std::make_shared<const Impl>(Impl{std::move(backend), options.ops}));
} catch (...) {
  return core::caught();
}

std::string_view Device::name() const { return impl_->backend->device(); }
DeviceId Device::id() const { return model::device_id(*impl_->backend); }
int Device::threads() const { return impl_->backend->threads(); }
Status Device::check_precision(DType type) const { return model::check_precision(*impl_->backend, type); }

}  // namespace graphrun
