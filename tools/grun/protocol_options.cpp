#include "tools/grun/protocol_options.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "runtime/core/system_memory.h"
#include "runtime/imaging/planes.h"

namespace graphrun::tools {

void ProtocolOptions::add_to(CLI::App& command) {
  command
      .add_option(
          "--protocol", protocol,
          "slide: overlapping crops of test_h x test_w; whole: the image in one pass; the model's own "
          "if not given")
      ->check(CLI::IsMember({model::kSlideProtocol, model::kWholeProtocol}))
      ->default_str(std::string(model::kSlideProtocol));
  CLI::Option* list = command.add_option("--scales", scales, "e.g. 0.5,1.0; the setting scales if not given")
                          ->delimiter(',')
                          ->allow_extra_args(false)
                          ->check(CLI::Range(1e-3, 100.0));
  command.add_flag("--ms", multi_scale, "scales 0.5, 0.75, 1.0, 1.25, 1.5, 1.75")->excludes(list);
  command.add_flag("--no-flip", no_flip, "no mirrored views");
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
                                                             const model::Model& model) const {
  const model::LabellingProtocol own = model.protocol.value_or(model::LabellingProtocol{});
  const auto is_settings = [&](const char* name) { return !model.protocol || settings.is_explicit(name); };
  labelling::ProtocolSettings resolved;
  resolved.name = protocol.empty() ? own.name : protocol;
  if (resolved.name != model::kSlideProtocol && resolved.name != model::kWholeProtocol) {
    return {ErrorCode::unsupported, "the model's protocol \"" + resolved.name +
                                        "\" is not known here; give --protocol slide or whole"};
  }
  resolved.scales = is_settings("scales") ? settings.reals("scales") : own.scales;
  if (!scales.empty()) resolved.scales = scales;
  if (multi_scale) resolved.scales = {0.5, 0.75, 1.0, 1.25, 1.5, 1.75};
  resolved.flip = !no_flip && own.flip;
  resolved.base_size = is_settings("base_size") ? settings.integer("base_size") : own.base_size;
  if (resolved.name == model::kSlideProtocol) {
    for (const auto& [name, stored, size] : {std::tuple("test_h", own.crop_h, &resolved.test_h),
                                             std::tuple("test_w", own.crop_w, &resolved.test_w)}) {
      if (!settings.has_value(name) && stored == 0) {
        return {ErrorCode::invalid_argument,
                std::string("the setting ") + name + " has no value; give it with --set " + name + "=PIXELS"};
      }
      *size = settings.has_value(name) ? settings.integer(name) : stored;
    }
  }
  resolved.batch = batch;
  resolved.sessions = sessions;
  return resolved;
}

Result<std::int64_t> ProtocolOptions::most_bytes(const model::Backend& backend, int processes) const {
  constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();
  if (memory_limit != 0) return static_cast<std::int64_t>(std::min<std::uint64_t>(memory_limit, kUnlimited));
  if (!backend.is_host()) return imaging::free_device_bytes(backend);
  return core::available_memory().value_or(kUnlimited) / processes;
}

}  // namespace graphrun::tools
