#pragma once

#include <CLI/CLI.hpp>

#include <map>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/labelling/protocol.h"
#include "runtime/weights/model_source.h"
#include "training/run/settings.h"

namespace graphrun::tools {

// What the command line says of the protocol and of its memory.
struct ProtocolOptions {
  std::string protocol;  // empty: the model's
  std::vector<double> scales;
  bool multi_scale = false;
  bool flip = false;
  bool no_flip = false;
  std::int64_t batch = 0;
  std::int64_t sessions = 16;
  std::uint64_t memory_limit = 0;  // bytes; 0: what is available

  void add_to(CLI::App& command);
  // Those that say which protocol it is, without those of time and memory.
  void add_choice_to(CLI::App& command);
  // With the sizes and scales that `settings` give, and the model's own name and mirroring where the command
  // line says nothing. Errors: test_h or test_w without a value.
  Result<labelling::ProtocolSettings> resolve(const training::SettingTable& settings,
                                              const labelling::ProtocolSettings& own) const;
};

// The protocol that is stored with a model, as settings: weaker than --config and --set, stronger than all
// else. Empty where it stores none.
Result<std::map<std::string, std::string>> stored_settings(const weights::ModelSource& source);

}  // namespace graphrun::tools
