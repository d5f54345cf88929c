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

// The protocol of a model, and where it is from.
struct OwnProtocol {
  labelling::ProtocolSettings settings;
  std::string source;  // "model", "takes any size", "default", "the reference's"
};
// A model's protocol for labelling is what is stored with it, else what fits its network. For an evaluation:
// a bundle's, else the reference's, slide in crops of the training size, so that figures can be compared.
Result<OwnProtocol> labelling_protocol(const weights::ModelSource& source);
Result<OwnProtocol> evaluation_protocol(const weights::ModelSource& source);

// The settings of a protocol with where each came from.
struct ResolvedProtocol {
  labelling::ProtocolSettings settings;
  std::string name_from;
  std::string crop_from;
  std::string base_size_from;
  std::string scales_from;
};

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
  // says nothing; who chooses a crop means slide. Errors: test_h or test_w without a value.
  Result<ResolvedProtocol> resolve(const SettingTable& settings, const OwnProtocol& own) const;
};

// A line for the head of what is printed: "protocol slide (the reference's), crop 473x473 (--set), longer
// side 512 (data set ade20k), scales 1.0 (default), mirrored".
std::string describe(const ResolvedProtocol& protocol);

// Empty, or that the images are rescaled, the largest of which has these pixels.
std::string rescaling_note(const ResolvedProtocol& protocol, const imaging::Extent& largest);

// The protocol that is stored with a model, as settings: weaker than --config and --set, stronger than all
// else. Empty where it stores none.
Result<std::map<std::string, std::string>> stored_settings(const weights::ModelSource& source);

}  // namespace graphrun::training
