#include "runtime/labelling/protocol_json.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "runtime/core/json_reader.h"
#include "runtime/labelling/any_size.h"

namespace graphrun::labelling {
namespace {

using Json = rapidjson::Value;

constexpr std::int64_t kMaxPixels = 100000;
constexpr double kMinScale = 1e-3, kMaxScale = 100;
constexpr std::size_t kMaxScales = 64;
constexpr std::int64_t kSmallestSide = 64;  // that is tried of a network without a training crop
constexpr std::int64_t kBaseSize = 512;     // of the setting base_size where nobody sets it

Status wrong(const std::string& member, const std::string& expected) {
  return {ErrorCode::invalid_file, member + ": expected " + expected};
}

Status read_pixels(const Json& json, std::string_view member, std::int64_t& out) {
  const double number = json.IsNumber() ? json.GetDouble() : -1;
  if (!(number >= 0 && number <= kMaxPixels && number == std::floor(number)))
    return wrong(std::string(member), "0 to " + std::to_string(kMaxPixels) + " pixels");
  out = static_cast<std::int64_t>(number);
  return {};
}

Status read_scales(const Json& json, std::vector<double>& out) {
  Status expected = wrong("scales", "1 to 64 numbers in 0.001 to 100");
  if (!json.IsArray() || json.Empty() || json.Size() > kMaxScales) return expected;
  out.clear();
  for (const Json& scale : json.GetArray()) {
    if (!scale.IsNumber() || !(scale.GetDouble() >= kMinScale && scale.GetDouble() <= kMaxScale))
      return expected;
    out.push_back(scale.GetDouble());
  }
  return {};
}

Status read_member(std::string_view name, const Json& json, ProtocolSettings& protocol) {
  if (name == "scales") return read_scales(json, protocol.scales);
  if (name == "base_size") return read_pixels(json, name, protocol.base_size);
  if (name == "test_h") return read_pixels(json, name, protocol.test_h);
  if (name == "test_w") return read_pixels(json, name, protocol.test_w);
  if (name == "flip") {
    if (!json.IsBool()) return wrong("flip", "true or false");
    protocol.flip = json.GetBool();
  }
  if (name == "name") {
    if (!json.IsString()) return wrong("name", "slide or whole");
    protocol.name.assign(json.GetString(), json.GetStringLength());
    if (protocol.name != "slide" && protocol.name != "whole") return wrong("name", "slide or whole");
  }
  return {};
}

// The first of these settings that the model has, into `name` of the protocol.
Status take_setting(const model::Model& model, std::initializer_list<const char*> settings,
                    std::string_view name, ProtocolSettings& protocol) {
  for (const char* setting : settings) {
    const auto found = model.settings.find(setting);
    if (found == model.settings.end()) continue;
    rapidjson::Document value;
    if (core::read_json(found->second, value).IsError()) return wrong(setting, "JSON");
    if (value.IsNull()) continue;
    return read_member(name, value, protocol);
  }
  return {};
}

// A protocol of a model file.
Result<ProtocolSettings> settings_of(const model::LabellingProtocol& stored, const std::string& path) {
  if (stored.name != model::kSlideProtocol && stored.name != model::kWholeProtocol) {
    return {ErrorCode::unsupported,
            path + ": the model's protocol \"" + stored.name + "\" is not known here; choose slide or whole"};
  }
  ProtocolSettings protocol;
  protocol.name = stored.name;
  protocol.scales = stored.scales;
  protocol.flip = stored.flip;
  protocol.base_size = stored.base_size;
  protocol.test_h = stored.crop_h;
  protocol.test_w = stored.crop_w;
  return protocol;
}

}  // namespace

std::string protocol_json(const ProtocolSettings& protocol) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key("name");
  writer.String(protocol.name.data(), static_cast<rapidjson::SizeType>(protocol.name.size()));
  writer.Key("scales");
  writer.StartArray();
  for (const double scale : protocol.scales) writer.Double(scale);
  writer.EndArray();
  writer.Key("flip");
  writer.Bool(protocol.flip);
  for (const auto& [name, value] :
       {std::pair("base_size", protocol.base_size), std::pair("test_h", protocol.test_h),
        std::pair("test_w", protocol.test_w)}) {
    writer.Key(name);
    writer.Int64(value);
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

Result<ProtocolSettings> parse_protocol(std::string_view json) {
  rapidjson::Document document;
  if (core::read_json(json, document).IsError() || !document.IsObject())
    return wrong("protocol", "a JSON object");
  ProtocolSettings protocol;
  for (const auto& member : document.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    GRAPHRUN_TRY(read_member(name, member.value, protocol));
  }
  return protocol;
}

namespace {

Result<ProtocolSettings> views_of(const weights::ModelSource& source) {
  if (!source.protocol.empty())
    return parse_protocol(source.protocol).with_context(source.path + ": protocol");
  const model::Model& model = source.program->model();
  if (model.protocol) return settings_of(*model.protocol, source.path);
  ProtocolSettings protocol;
  protocol.base_size = kBaseSize;
  const auto take = [&](std::initializer_list<const char*> settings, std::string_view name) {
    return take_setting(model, settings, name, protocol).with_context(source.path + ": settings");
  };
  GRAPHRUN_TRY(take({"scales"}, "scales"));
  GRAPHRUN_TRY(take({"base_size"}, "base_size"));
  GRAPHRUN_TRY(take({"test_h", "train_h"}, "test_h"));
  GRAPHRUN_TRY(take({"test_w", "train_w"}, "test_w"));
  const std::int64_t side = std::max({protocol.test_h, protocol.test_w, kSmallestSide});
  if (takes_any_size(*source.program, side)) protocol.name = model::kWholeProtocol;
  return protocol;
}

}  // namespace

Result<double> temperature_of(const model::Model& model) {
  const auto found = model.metadata.find(kTemperatureKey);
  if (found == model.metadata.end()) return 1.0;
  rapidjson::Document value;
  const bool is_number = !core::read_json(found->second, value).IsError() && value.IsNumber();
  const double temperature = is_number ? value.GetDouble() : 0;
  if (temperature >= kMinTemperature && temperature <= kMaxTemperature) return temperature;
  return wrong(kTemperatureKey, "a number in 0.01 to 100");
}

Result<ProtocolSettings> protocol_of(const weights::ModelSource& source) {
  GRAPHRUN_ASSIGN(ProtocolSettings protocol, views_of(source));
  GRAPHRUN_ASSIGN(protocol.temperature,
                  temperature_of(source.program->model()).with_context(source.path + ": metadata"));
  return protocol;
}

}  // namespace graphrun::labelling
