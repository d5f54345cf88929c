#include "training/jobs/protocol_choice.h"

#include "graphrun/kernel/attributes.h"
#include "runtime/labelling/protocol_json.h"

namespace graphrun::training {

Result<labelling::ProtocolSettings> ProtocolChoice::resolve(const SettingTable& settings,
                                                            const labelling::ProtocolSettings& own) const {
  labelling::ProtocolSettings resolved;
  resolved.name = protocol.empty() ? own.name : protocol;
  for (const char* name : {"test_h", "test_w"}) {
    if (resolved.name == "slide" && !settings.has_value(name)) {
      return {ErrorCode::invalid_argument,
              std::string("the setting ") + name + " has no value; give it with --set " + name + "=PIXELS"};
    }
  }
  resolved.scales = settings.reals("scales");
  if (!scales.empty()) resolved.scales = scales;
  if (multi_scale) resolved.scales = {0.5, 0.75, 1.0, 1.25, 1.5, 1.75};
  resolved.flip = !no_flip && (flip || own.flip);
  resolved.base_size = settings.integer("base_size");
  if (resolved.name == "slide") {
    resolved.test_h = settings.integer("test_h");
    resolved.test_w = settings.integer("test_w");
  }
  resolved.batch = batch;
  resolved.sessions = sessions;
  return resolved;
}

Result<std::map<std::string, std::string>> stored_settings(const weights::ModelSource& source) {
  std::map<std::string, std::string> settings;
  if (source.protocol.empty()) return settings;
  GRAPHRUN_ASSIGN(const labelling::ProtocolSettings stored, labelling::protocol_of(source));
  std::string scales;
  for (const double scale : stored.scales) scales += (scales.empty() ? "[" : ",") + number_text(scale);
  settings["scales"] = scales + "]";
  settings["base_size"] = std::to_string(stored.base_size);
  if (stored.test_h > 0) settings["test_h"] = std::to_string(stored.test_h);
  if (stored.test_w > 0) settings["test_w"] = std::to_string(stored.test_w);
  return settings;
}

}  // namespace graphrun::training
