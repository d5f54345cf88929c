#include "tools/grun/protocol_options.h"

#include "graphrun/kernel/attributes.h"
#include "runtime/labelling/protocol_json.h"

namespace graphrun::tools {

void ProtocolOptions::add_choice_to(CLI::App& command) {
  command
      .add_option(
          "--protocol", protocol,
          "slide: overlapping crops of test_h x test_w; whole: the image in one pass; the model's, else "
          "slide, if not given")
      ->check(CLI::IsMember({"slide", "whole"}));
  CLI::Option* list = command.add_option("--scales", scales, "e.g. 0.5,1.0; the setting scales if not given")
                          ->delimiter(',')
                          ->allow_extra_args(false)
                          ->check(CLI::Range(1e-3, 100.0));
  command.add_flag("--ms", multi_scale, "scales 0.5, 0.75, 1.0, 1.25, 1.5, 1.75")->excludes(list);
  CLI::Option* never = command.add_flag("--no-flip", no_flip, "no mirrored views");
  command.add_flag("--flip", flip, "mirrored views too, where the model's own protocol has none")
      ->excludes(never);
}

void ProtocolOptions::add_to(CLI::App& command) {
  add_choice_to(command);
  command
      .add_option(
          "--batch", batch,
          "crops that go through the network at once, with their mirror images; if not given, 1 on the "
          "CPU and all of an image on a GPU, if they fit")
      ->check(CLI::Range(1, 1024));
  command.add_option("--sessions", sessions, "image sizes for which the network stays bound")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      .add_option(
          "--memory-limit", memory_limit,
          "refuse to start where more is planned, e.g. 8GB; what the device has available if not given")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::PositiveNumber);
}

Result<labelling::ProtocolSettings> ProtocolOptions::resolve(const training::SettingTable& settings,
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

}  // namespace graphrun::tools
