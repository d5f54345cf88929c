#include "exchange/to_onnx/metadata.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <functional>

namespace graphrun::exchange::to_onnx {
namespace {

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

std::string json(const std::function<void(Json&)>& write) {
  rapidjson::StringBuffer buffer;
  Json writer(buffer);
  write(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

template <class List, class Write>
void array(Json& out, const List& list, const Write& write) {
  out.StartArray();
  for (const auto& element : list) write(element);
  out.EndArray();
}

void text(Json& out, std::string_view value) {
  out.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string_view name_of(model::PixelType type) {
  switch (type) {
    case model::PixelType::u8:
      return "u8";
    case model::PixelType::u16:
      return "u16";
    case model::PixelType::f32:
      return "f32";
  }
  return "";
}

void write_preprocessing(Json& out, const model::Preprocess& preprocess, bool in_graph) {
  out.StartObject();
  out.Key("stored");
  text(out, name_of(preprocess.stored));
  out.Key("value_scale");
  out.Double(preprocess.value_scale);
  out.Key("mean");
  array(out, preprocess.mean, [&](double value) { out.Double(value); });
  out.Key("std");
  array(out, preprocess.std, [&](double value) { out.Double(value); });
  out.Key("in_graph");
  out.Bool(in_graph);
  out.EndObject();
}

void write_extents(Json& out, const model::Model& model, const Options& options) {
  for (const model::Input& input : model.inputs) {
    const auto fixed = options.shapes.find(input.name);
    if (fixed == options.shapes.end()) continue;
    out.Key(input.name.c_str());
    array(out, fixed->second.extents(), [&](std::int64_t extent) { out.Int64(extent); });
  }
}

// {"image": [1, 3, 473, 473]}, or {"require": [{"condition": "(H - 1) % 8 == 0", "because": "..."}]}
void write_sizes(Json& out, const model::Model& model, const Options& options) {
  out.StartObject();
  write_extents(out, model, options);
  if (options.shapes.empty()) {
    out.Key("require");
    array(out, model.requirements, [&](const model::Requirement& requirement) {
      out.StartObject();
      out.Key("condition");
      text(out, to_string(requirement.condition));
      out.Key("because");
      text(out, requirement.because);
      out.EndObject();
    });
  }
  out.EndObject();
}

void write_colours(Json& out, const std::vector<std::uint8_t>& palette) {
  out.StartArray();
  for (std::size_t i = 0; i + 2 < palette.size(); i += 3) {
    array(out, std::span(palette).subspan(i, 3), [&](std::uint8_t value) { out.Uint(value); });
  }
  out.EndArray();
}

}  // namespace

std::map<std::string, std::string> metadata(const model::Model& model, const Options& options) {
  std::map<std::string, std::string> entries;
  if (!model.class_names.empty()) {
    entries["class_names"] = json(
        [&](Json& out) { array(out, model.class_names, [&](const std::string& name) { text(out, name); }); });
  }
  if (!model.palette.empty())
    entries["class_colours"] = json([&](Json& out) { write_colours(out, model.palette); });
  if (model.signature.input(model::roles::kImage) != nullptr) {
    entries["preprocessing"] =
        json([&](Json& out) { write_preprocessing(out, model.preprocess, options.pixels); });
  }
  entries["sizes"] = json([&](Json& out) { write_sizes(out, model, options); });
  return entries;
}

}  // namespace graphrun::exchange::to_onnx
