#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graphrun/status.h"
#include "runtime/labelling/protocol.h"
#include "runtime/weights/model_source.h"
#include "training/run/settings.h"

namespace graphrun::training {

// What a user says of the protocol and of its memory.
struct ProtocolChoice {
  std::string protocol;        // empty: the model's
  std::vector<double> scales;  // empty: the setting
  bool multi_scale = false;    // the reference's six scales
  bool flip = false;           // mirrored views too, where the model's own protocol has none
  bool no_flip = false;
  std::int64_t batch = 0;
  std::int64_t sessions = 16;
  std::uint64_t memory_limit = 0;  // bytes; 0: what is available

  // With the sizes and scales that `settings` give, and the model's own name and mirroring where the user
  // says nothing. Errors: test_h or test_w without a value.
  Result<labelling::ProtocolSettings> resolve(const SettingTable& settings,
                                              const labelling::ProtocolSettings& own) const;
};

// The protocol that is stored with a model, as settings: weaker than --config and --set, stronger than all
// else. Empty where it stores none.
Result<std::map<std::string, std::string>> stored_settings(const weights::ModelSource& source);

}  // namespace graphrun::training
