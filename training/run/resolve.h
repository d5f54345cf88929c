#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "datasets/descriptor.h"
#include "graphrun/status.h"
#include "runtime/model/graph.h"
#include "runtime/model/program.h"
#include "training/run/settings.h"

namespace graphrun::training {

// What the command line and the model's file say of settings.
struct SettingSources {
  std::vector<std::string> configs;             // --config FILE.json
  std::vector<std::string> sets;                // --set key=value
  std::map<std::string, std::string> stored{};  // with the model, beside those in it: name → JSON text
  model::Bindings definitions{};                // -D name=value; some are settings too
};

// The value that the settings ask of a parameter of the model (GraphParameter::from); empty where it does not
// depend on them, where somebody chose it, and where a setting has no value that it depends on.
Result<std::optional<double>> derived_value(const model::GraphParameter& parameter, const model::Model& model,
                                            const SettingTable& settings);

// All settings in the order of precedence: defaults, the model's train section, the data set's settings, its
// recipe for this network, what is stored with the model, --config, --set, -D. `descriptor` may be null.
// ErrorCode::usage where a --set is wrong.
Result<SettingTable> resolve_settings(const model::Model& model, const datasets::Descriptor* descriptor,
                                      const SettingSources& sources);

}  // namespace graphrun::training
