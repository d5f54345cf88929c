#include "training/jobs/protocol_choice.h"

#include <algorithm>
#include <limits>

#include "runtime/core/system_memory.h"
#include "runtime/imaging/planes.h"

namespace graphrun::training {

Result<labelling::ProtocolSettings> ProtocolChoice::resolve(const SettingTable& settings) const {
  for (const char* name : {"test_h", "test_w"}) {
    if (protocol == "slide" && !settings.has_value(name)) {
      return {ErrorCode::invalid_argument,
              std::string("the setting ") + name + " has no value; give it with --set " + name + "=PIXELS"};
    }
  }
  labelling::ProtocolSettings resolved;
  resolved.name = protocol;
  resolved.scales = settings.reals("scales");
  if (!scales.empty()) resolved.scales = scales;
  if (multi_scale) resolved.scales = {0.5, 0.75, 1.0, 1.25, 1.5, 1.75};
  resolved.flip = !no_flip;
  resolved.base_size = settings.integer("base_size");
  if (protocol == "slide") {
    resolved.test_h = settings.integer("test_h");
    resolved.test_w = settings.integer("test_w");
  }
  resolved.batch = batch;
  resolved.sessions = sessions;
  return resolved;
}

Result<std::int64_t> ProtocolChoice::most_bytes(const model::Backend& backend, int processes) const {
  constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();
  if (memory_limit != 0) return static_cast<std::int64_t>(std::min<std::uint64_t>(memory_limit, kUnlimited));
  if (!backend.is_host()) return imaging::free_device_bytes(backend);
  return core::available_memory().value_or(kUnlimited) / processes;
}

}  // namespace graphrun::training
