#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/labelling/protocol.h"
#include "training/run/settings.h"

namespace graphrun::training {

// What a user says of the protocol and of its memory.
struct ProtocolChoice {
  std::string protocol = "slide";
  std::vector<double> scales;  // empty: the setting
  bool multi_scale = false;    // the reference's six scales
  bool no_flip = false;
  std::int64_t batch = 0;
  std::int64_t sessions = 16;
  std::uint64_t memory_limit = 0;  // bytes; 0: what is available

  // With the sizes that `settings` give. Errors: test_h or test_w without a value.
  Result<labelling::ProtocolSettings> resolve(const SettingTable& settings) const;
  // Bytes that an evaluation may plan for: of the backend's device, or of a host that so many processes
  // share.
  Result<std::int64_t> most_bytes(const model::Backend& backend, int processes = 1) const;
};

}  // namespace graphrun::training
