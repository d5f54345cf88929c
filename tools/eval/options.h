#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "runtime/core/status.h"
#include "tools/eval/protocol.h"
#include "tools/support/settings.h"

namespace graphrun {

// What the command line says of the protocol.
struct ProtocolOptions {
  std::string protocol = "slide";
  std::vector<double> scales;
  bool multi_scale = false;
  bool no_flip = false;

  void add_to(CLI::App& command);
  // With the sizes that `settings` give. Errors: test_h or test_w without a value, a scale out of range.
  Result<ProtocolSettings> resolve(const SettingTable& settings) const;
};

}  // namespace graphrun
