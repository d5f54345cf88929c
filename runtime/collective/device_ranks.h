#pragma once

#include <memory>
#include <string_view>

#include "graphrun/kernel/device_context.h"
#include "graphrun/status.h"
#include "runtime/collective/communicator.h"

namespace graphrun::collective {

// Service of a backend (Backend::service): how ranks exchange its device's memory.
struct DeviceRanks {
  static constexpr std::string_view kService = "collective";
  // The ranks of `host`, which must outlive the result, with memory of the device. Collective. The caller
  // holds the backend's lock().
  Result<std::unique_ptr<Communicator>> (*join)(Communicator& host, DeviceContext& device);
};

}  // namespace graphrun::collective
