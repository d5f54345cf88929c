#include "tools/support/resolve.h"

namespace graphrun {

Result<SettingTable> resolve_settings(const Model& model, const Descriptor* descriptor,
                                      const SettingSources& sources) {
  SettingTable settings;
  GRAPHRUN_TRY(settings.set_all(model.settings, "model " + model.name));
  if (descriptor != nullptr) {
    GRAPHRUN_TRY(settings.set_all(descriptor->settings, "data set " + descriptor->name));
    GRAPHRUN_TRY(settings.set_all(recipe_settings(*descriptor, model.name),
                                  "data set " + descriptor->name + ", recipe for " + model.name));
  }
  for (const std::string& path : sources.configs) GRAPHRUN_TRY(settings.set_from_file(path));
  for (const std::string& assignment : sources.sets) {
    const Status status = settings.set_assignment(assignment, "--set");
    if (!status.ok()) return {ErrorCode::usage, status.message()};
  }
  for (const auto& [test, train] : {std::pair("test_h", "train_h"), std::pair("test_w", "train_w")}) {
    if (!settings.has_value(test) && settings.has_value(train)) {
      GRAPHRUN_TRY(settings.set(test, settings.json(train), settings.source(train)));
    }
  }
  return settings;
}

}  // namespace graphrun
