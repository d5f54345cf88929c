#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/labelling/protocol.h"
#include "training/run/settings.h"

namespace graphrun::tools {

// What the command line says of the protocol and of its memory.
struct ProtocolOptions {
  std::string protocol;  // empty: the model's own, or slide
  std::vector<double> scales;
  bool multi_scale = false;
  bool no_flip = false;
  std::int64_t batch = 0;
  std::int64_t sessions = 16;
  std::uint64_t memory_limit = 0;  // bytes; 0: what is available

  void add_to(CLI::App& command);
  // With the sizes that `settings` give; what nobody said is that of the model's own protocol. Errors: a crop
  // without a size, a scale out of range.
  Result<labelling::ProtocolSettings> resolve(const training::SettingTable& settings,
                                              const model::Model& model) const;
  // Bytes that an evaluation may plan for: of the backend's device, or of a host that so many processes
  // share.
  Result<std::int64_t> most_bytes(const model::Backend& backend, int processes = 1) const;
};

}  // namespace graphrun::tools
