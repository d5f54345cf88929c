#include "training/jobs/protocol_choice.h"

#include <algorithm>
#include <utility>

#include "graphrun/kernel/attributes.h"
#include "runtime/labelling/protocol_json.h"

namespace graphrun::training {

namespace {

// Somebody's choice for this command, not the model's or the data set's.
bool is_own_choice(const SettingTable& settings, const char* name) {
  const std::string source = settings.source(name);
  return settings.has_value(name) && (source == "--set" || source == "-D");
}

std::string text_of(const std::vector<double>& scales) {
  std::string text;
  for (const double scale : scales) text += (text.empty() ? "" : ", ") + number_text(scale);
  return text;
}

}  // namespace

Result<OwnProtocol> labelling_protocol(const weights::ModelSource& source) {
  GRAPHRUN_ASSIGN(labelling::ProtocolSettings own, labelling::protocol_of(source));
  const bool is_stored = !source.protocol.empty() || source.program->model().protocol.has_value();
  const bool whole = own.name == model::kWholeProtocol;
  return OwnProtocol{std::move(own), is_stored ? "model" : whole ? "takes any size" : "default"};
}

Result<OwnProtocol> evaluation_protocol(const weights::ModelSource& source) {
  GRAPHRUN_ASSIGN(OwnProtocol own, labelling_protocol(source));
  if (!source.protocol.empty()) return own;
  own.settings.name = "slide";
  own.source = "the reference's";
  return own;
}

Result<ResolvedProtocol> ProtocolChoice::resolve(const SettingTable& table, const OwnProtocol& own) const {
  ResolvedProtocol resolved;
  labelling::ProtocolSettings& settings = resolved.settings;
  const bool has_crop = is_own_choice(table, "test_h") || is_own_choice(table, "test_w");
  settings.name = !protocol.empty() ? protocol : has_crop ? "slide" : own.settings.name;
  resolved.name_from = !protocol.empty() ? "--protocol" : has_crop ? "--set" : own.source;
  for (const char* name : {"test_h", "test_w"}) {
    if (settings.name == "slide" && !table.has_value(name)) {
      return {ErrorCode::invalid_argument,
              std::string("the setting ") + name + " has no value; give it with --set " + name + "=PIXELS"};
    }
  }
  settings.scales = table.reals("scales");
  resolved.scales_from = table.source("scales");
  if (!scales.empty()) settings.scales = scales, resolved.scales_from = "--scales";
  if (multi_scale) settings.scales = {0.5, 0.75, 1.0, 1.25, 1.5, 1.75}, resolved.scales_from = "--ms";
  settings.flip = !no_flip && (flip || own.settings.flip);
  settings.base_size = table.integer("base_size");
  resolved.base_size_from = table.source("base_size");
  if (settings.name == "slide") {
    settings.test_h = table.integer("test_h");
    settings.test_w = table.integer("test_w");
    resolved.crop_from = table.source("test_h");
  }
  settings.temperature = own.settings.temperature;
  settings.batch = batch;
  settings.sessions = sessions;
  return resolved;
}

std::string describe(const ResolvedProtocol& protocol) {
  const labelling::ProtocolSettings& settings = protocol.settings;
  std::string text = "protocol " + settings.name + " (" + protocol.name_from + ")";
  if (settings.name == "slide") {
    text += ", crop " + std::to_string(settings.test_h) + "x" + std::to_string(settings.test_w) + " (" +
            protocol.crop_from + ")";
  }
  text += settings.base_size == 0 ? ", images at their own size"
                                  : ", longer side " + std::to_string(settings.base_size);
  text += " (" + protocol.base_size_from + "), scales " + text_of(settings.scales) + " (" +
          protocol.scales_from + ")";
  return text + (settings.flip ? ", mirrored too" : ", not mirrored");
}

std::string rescaling_note(const ResolvedProtocol& protocol, const imaging::Extent& largest) {
  const std::int64_t size = protocol.settings.base_size;
  const std::int64_t side = std::max(largest.height, largest.width);
  if (size == 0 || side == size || side == 0) return {};
  return "images are rescaled before they are labelled: base_size " + std::to_string(size) + " (" +
         protocol.base_size_from + ") becomes their longer side, which is " + std::to_string(side) +
         " in the largest; --set base_size=0 keeps their size";
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
