#include "tools/eval/options.h"

namespace graphrun {

void ProtocolOptions::add_to(CLI::App& command) {
  command.add_option("--protocol", protocol, "slide: overlapping crops of test_h x test_w")
      ->check(CLI::IsMember({"slide"}))
      ->capture_default_str();
  CLI::Option* list = command.add_option("--scales", scales, "e.g. 0.5,1.0; the setting scales if not given")
                          ->delimiter(',')
                          ->allow_extra_args(false)
                          ->check(CLI::Range(1e-3, 100.0));
  command.add_flag("--ms", multi_scale, "scales 0.5, 0.75, 1.0, 1.25, 1.5, 1.75")->excludes(list);
  command.add_flag("--no-flip", no_flip, "no mirrored views");
}

Result<ProtocolSettings> ProtocolOptions::resolve(const SettingTable& settings) const {
  for (const char* name : {"test_h", "test_w"}) {
    if (!settings.has_value(name)) {
      return {ErrorCode::invalid_argument,
              std::string("the setting ") + name + " has no value; give it with --set " + name + "=PIXELS"};
    }
  }
  ProtocolSettings resolved;
  resolved.name = protocol;
  resolved.scales = settings.reals("scales");
  if (!scales.empty()) resolved.scales = scales;
  if (multi_scale) resolved.scales = {0.5, 0.75, 1.0, 1.25, 1.5, 1.75};
  resolved.flip = !no_flip;
  resolved.base_size = settings.integer("base_size");
  resolved.test_h = settings.integer("test_h");
  resolved.test_w = settings.integer("test_w");
  return resolved;
}

}  // namespace graphrun
