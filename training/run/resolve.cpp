#include "training/run/resolve.h"

#include <algorithm>

#include "runtime/core/guard.h"

namespace graphrun::training {
namespace {

// A parameter's value; 0 where the model has none of that name.
double parameter(const model::Model& model, std::string_view name) {
  const auto found = std::ranges::find(model.parameters, name, &model::GraphParameter::name);
  return found == model.parameters.end() ? 0 : found->value;
}

// The side of a point-wise attention mask that spans a crop, as PSANet's reference chooses it: all places of
// the attention map where masks are compact, else all offsets between two of them.
std::int64_t spanning_mask(const model::Model& model, std::int64_t crop) {
  constexpr double kMostShrink = 1e6;
  const double given = parameter(model, "shrink_factor");  // of a file: any number
  const std::int64_t shrink = given >= 1 && given <= kMostShrink ? static_cast<std::int64_t>(given) : 1;
  const std::int64_t side = (crop - 1) / (8 * shrink) + 1;
  return parameter(model, "compact") != 0 ? side : 2 * side - 1;
}

// Masks follow the crop, but for those that somebody chose: by a setting, or by giving the model others than
// its own crop asks for.
Status resolve_mask(const model::Model& model, const char* mask, const char* crop, const SettingTable& own,
                    SettingTable& settings) {
  const double value = parameter(model, mask);
  if (value == 0 || settings.has_value(mask) || !settings.has_value(crop)) return {};
  const bool chosen =
      own.has_value(crop) && value != static_cast<double>(spanning_mask(model, own.integer(crop)));
  if (chosen && parameter(model, "compact") == 0) return {};
  return settings.set(mask, std::to_string(spanning_mask(model, settings.integer(crop))),
                      settings.source(crop));
}

// The default of ignore_label is a class where there are more than 255: then it is the highest number.
Status resolve_ignore_label(const datasets::Descriptor& descriptor, SettingTable& settings) {
  const auto classes = static_cast<std::int64_t>(descriptor.classes.size());
  if (classes <= imaging::kMaxByteClasses || settings.integer("ignore_label") >= classes) return {};
  if (settings.is_explicit("ignore_label")) {
    return {ErrorCode::invalid_argument, "ignore_label " + settings.json("ignore_label") +
                                             " is one of the classes of data set " + descriptor.name};
  }
  return settings.set("ignore_label", std::to_string(imaging::kIgnoredClass), "data set " + descriptor.name);
}

}  // namespace

Result<SettingTable> resolve_settings(const model::Model& model, const datasets::Descriptor* descriptor,
                                      const SettingSources& sources) try {
  SettingTable settings;
  GRAPHRUN_TRY(settings.set_all(model.settings, "model " + model.name));
  const SettingTable own = settings;
  if (descriptor != nullptr) {
    GRAPHRUN_TRY(settings.set_all(descriptor->settings, "data set " + descriptor->name));
    GRAPHRUN_TRY(settings.set_all(datasets::recipe_settings(*descriptor, model.name),
                                  "data set " + descriptor->name + ", recipe for " + model.name));
  }
  GRAPHRUN_TRY(settings.set_all(sources.stored, "stored with the model"));
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
  if (descriptor != nullptr) GRAPHRUN_TRY(resolve_ignore_label(*descriptor, settings));
  GRAPHRUN_TRY(resolve_mask(model, "mask_h", "train_h", own, settings));
  GRAPHRUN_TRY(resolve_mask(model, "mask_w", "train_w", own, settings));
  return settings;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::training
