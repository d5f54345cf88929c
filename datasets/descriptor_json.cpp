#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <set>

#include "datasets/descriptor.h"
#include "datasets/json_document.h"
#include "runtime/core/component_name.h"

#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

using Json = rapidjson::Value;

// A value in the document and where it stands.
struct Node {
  const Json& value;
  std::string where;  // "/path/to/key"

  Node child(std::string_view key, const Json& member) const {
    return {member, where + "/" + std::string(key)};
  }
  Status expected(const std::string& what) const {
    return {ErrorCode::invalid_file, (where.empty() ? "" : where + ": ") + "expected " + what};
  }
};

std::string_view text_of(const Json& value) { return {value.GetString(), value.GetStringLength()}; }

// An object without doubled or unknown keys; an empty list of known keys allows any.
Status check_object(const Node& node, std::initializer_list<std::string_view> known) {
  if (!node.value.IsObject()) return node.expected("an object");
  std::set<std::string_view> seen;
  for (const auto& member : node.value.GetObject()) {
    const std::string_view key = text_of(member.name);
    if (!seen.insert(key).second) return node.child(key, member.value).expected("each key once");
    if (known.size() != 0 && std::find(known.begin(), known.end(), key) == known.end()) {
      std::string keys;
      for (const std::string_view k : known) keys += (keys.empty() ? "" : ", ") + std::string(k);
      return node.child(key, member.value).expected("one of the keys " + keys);
    }
  }
  return {};
}

std::optional<Node> find(const Node& node, const char* key) {
  const auto member = node.value.FindMember(key);
  if (member == node.value.MemberEnd()) return std::nullopt;
  return node.child(key, member->value);
}

Result<Node> require(const Node& node, const char* key) {
  auto found = find(node, key);
  if (!found) return node.expected("a key '" + std::string(key) + "'");
  return *found;
}

Result<std::string> read_string(const Node& node) {
  if (!node.value.IsString()) return node.expected("a string");
  const std::string_view text = text_of(node.value);
  if (text.find('\0') != std::string_view::npos) return node.expected("a string without zero characters");
  return std::string(text);
}

Result<std::int64_t> read_int(const Node& node, std::int64_t low, std::int64_t high) {
  if (!node.value.IsInt64() || node.value.GetInt64() < low || node.value.GetInt64() > high) {
    return node.expected("an integer from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return node.value.GetInt64();
}

Status read_optional(const Node& object, const char* key, std::string& out) {
  if (const auto node = find(object, key)) {
    GRAPHRUN_ASSIGN(out, read_string(*node));
  }
  return {};
}

Status read_optional_path(const Node& object, const char* key, std::string& out) {
  if (const auto node = find(object, key)) {
    GRAPHRUN_ASSIGN(out, read_string(*node));
    if (const Status inside = check_inside(out); !inside.ok()) {
      return node->expected("a path inside the data root: " + inside.message());
    }
  }
  return {};
}

Result<std::vector<std::uint16_t>> read_label_ids(const Node& node) {
  if (!node.value.IsArray()) return node.expected("an array of label ids");
  std::vector<std::uint16_t> ids;
  for (rapidjson::SizeType i = 0; i < node.value.Size(); ++i) {
    GRAPHRUN_ASSIGN(const auto id, read_int(node.child(std::to_string(i), node.value[i]), 0, 65535));
    ids.push_back(static_cast<std::uint16_t>(id));
  }
  return ids;
}

Result<imaging::Color> read_color(const Node& node) {
  if (!node.value.IsArray() || node.value.Size() != 3) return node.expected("[red, green, blue]");
  std::uint8_t rgb[3];
  for (rapidjson::SizeType c = 0; c < 3; ++c) {
    GRAPHRUN_ASSIGN(const auto part, read_int(node.child(std::to_string(c), node.value[c]), 0, 255));
    rgb[c] = static_cast<std::uint8_t>(part);
  }
  return imaging::Color{rgb[0], rgb[1], rgb[2]};
}

Result<std::vector<ClassInfo>> read_classes(const Node& node) {
  if (!node.value.IsArray() || node.value.Empty() || node.value.Size() > imaging::kMaxClasses) {
    return node.expected("an array of 1 to " + std::to_string(imaging::kMaxClasses) + " classes");
  }
  std::vector<ClassInfo> classes;
  for (rapidjson::SizeType i = 0; i < node.value.Size(); ++i) {
    const Node item = node.child(std::to_string(i), node.value[i]);
    GRAPHRUN_TRY(check_object(item, {"name", "color"}));
    ClassInfo info;
    GRAPHRUN_ASSIGN(const Node name, require(item, "name"));
    GRAPHRUN_ASSIGN(info.name, read_string(name));
    GRAPHRUN_ASSIGN(const Node color, require(item, "color"));
    GRAPHRUN_ASSIGN(info.color, read_color(color));
    classes.push_back(std::move(info));
  }
  return classes;
}

// {"identity": classes} | {"offset": d}: class = label id + d | {"map": {"label id": class}}
Result<std::map<std::uint16_t, int>> read_classes_of(const Node& node, int classes) {
  std::map<std::uint16_t, int> classes_of;
  const auto identity = find(node, "identity");
  const auto offset = find(node, "offset");
  const auto map = find(node, "map");
  if (int{identity.has_value()} + int{offset.has_value()} + int{map.has_value()} != 1) {
    return node.expected("one of the keys identity, offset, map, colors");
  }
  std::int64_t first = 0;
  if (identity && (!identity->value.IsInt() || identity->value.GetInt() != classes))
    return identity->expected(
        std::to_string(classes) + ", the number of classes" +
        (identity->value.IsInt() ? ", got " + std::to_string(identity->value.GetInt()) : ""));
  if (offset) {
    GRAPHRUN_ASSIGN(const auto distance, read_int(*offset, -65535, 0));
    first = -distance;
    if (first + classes > 65536) return offset->expected("label ids up to 65535");
  }
  if (map) {
    GRAPHRUN_TRY(check_object(*map, {}));
    for (const auto& member : map->value.GetObject()) {
      const std::string_view key = text_of(member.name);
      const Node entry = map->child(key, member.value);
      const bool digits = !key.empty() && key.size() <= 5 && key.find_first_not_of("0123456789") == key.npos;
      const int id = digits ? std::stoi(std::string(key)) : -1;
      if (id < 0 || id > 65535 || std::to_string(id) != key) return entry.expected("a label id as key");
      GRAPHRUN_ASSIGN(const auto class_id, read_int(entry, 0, classes - 1));
      classes_of[static_cast<std::uint16_t>(id)] = static_cast<int>(class_id);
    }
    return classes_of;
  }
  for (int i = 0; i < classes; ++i) classes_of[static_cast<std::uint16_t>(first + i)] = i;
  return classes_of;
}

// {"colors": true}: labels are pictures in the classes' colours, and what is ignored are colours too.
Result<LabelRule> read_color_rule(const Node& node, const std::vector<ClassInfo>& classes) {
  for (const char* key : {"identity", "offset", "map", "submission"}) {
    if (find(node, key)) return node.expected(std::string("no key '") + key + "' beside \"colors\": true");
  }
  std::vector<imaging::Color> colors, ignored;
  for (const ClassInfo& info : classes) colors.push_back(info.color);
  if (const auto list = find(node, "ignore")) {
    if (!list->value.IsArray()) return list->expected("an array of colours");
    for (rapidjson::SizeType i = 0; i < list->value.Size(); ++i) {
      GRAPHRUN_ASSIGN(ignored.emplace_back(), read_color(list->child(std::to_string(i), list->value[i])));
    }
  }
  auto rule = LabelRule::make_by_color(colors, ignored);
  if (!rule.ok()) return node.expected("a colour of its own for each class: " + rule.status().message());
  return rule;
}

Result<LabelRule> read_label_rule(const Node& node, const std::vector<ClassInfo>& infos) {
  if (const auto colors = find(node, "colors")) {
    if (!colors->value.IsTrue()) return colors->expected("true");
    return read_color_rule(node, infos);
  }
  const auto classes = static_cast<int>(infos.size());
  GRAPHRUN_ASSIGN(const auto classes_of, read_classes_of(node, classes));
  std::vector<std::uint16_t> ignored;
  std::vector<std::uint16_t> submission;
  if (const auto ids = find(node, "ignore")) {
    GRAPHRUN_ASSIGN(ignored, read_label_ids(*ids));
  }
  if (const auto ids = find(node, "submission")) {
    GRAPHRUN_ASSIGN(submission, read_label_ids(*ids));
  }
  auto rule = LabelRule::make(classes, classes_of, ignored, submission);
  if (!rule.ok()) return node.expected("a consistent label rule: " + rule.status().message());
  return rule;
}

Status read_labels(const Node& node, Descriptor& descriptor) {
  GRAPHRUN_TRY(
      check_object(node, {"identity", "offset", "map", "colors", "ignore", "submission", "variants"}));
  GRAPHRUN_ASSIGN(descriptor.labels, read_label_rule(node, descriptor.classes));
  const auto variants = find(node, "variants");
  if (!variants) return {};
  GRAPHRUN_TRY(check_object(*variants, {}));
  for (const auto& member : variants->value.GetObject()) {
    const Node variant = variants->child(text_of(member.name), member.value);
    GRAPHRUN_TRY(check_object(variant, {"identity", "offset", "map", "colors", "ignore"}));
    GRAPHRUN_ASSIGN(LabelRule rule, read_label_rule(variant, descriptor.classes));
    descriptor.label_variants.push_back({std::string(text_of(member.name)), std::move(rule)});
  }
  return {};
}

constexpr std::int64_t kMaxGenerated = 1'000'000;  // samples of a split

Result<Split> read_generated_split(const Node& node) {
  GRAPHRUN_TRY(check_object(node, {"count", "seed"}));
  Split split;
  GRAPHRUN_ASSIGN(const Node count, require(node, "count"));
  GRAPHRUN_ASSIGN(split.count, read_int(count, 1, kMaxGenerated));
  GRAPHRUN_ASSIGN(const Node seed, require(node, "seed"));
  GRAPHRUN_ASSIGN(const auto value, read_int(seed, 0, INT64_MAX));
  split.seed = static_cast<std::uint64_t>(value);
  return split;
}

Result<Split> read_file_split(const Node& node) {
  GRAPHRUN_TRY(check_object(node, {"list", "image_pattern", "label_pattern", "images", "labels",
                                   "image_suffix", "label_suffix", "labelled"}));
  Split split;
  GRAPHRUN_TRY(read_optional_path(node, "list", split.list));
  GRAPHRUN_TRY(read_optional_path(node, "image_pattern", split.image_pattern));
  GRAPHRUN_TRY(read_optional_path(node, "label_pattern", split.label_pattern));
  GRAPHRUN_TRY(read_optional_path(node, "images", split.images));
  GRAPHRUN_TRY(read_optional_path(node, "labels", split.labels));
  GRAPHRUN_TRY(read_optional(node, "image_suffix", split.image_suffix));
  GRAPHRUN_TRY(read_optional(node, "label_suffix", split.label_suffix));
  if (const auto labelled = find(node, "labelled")) {
    if (!labelled->value.IsBool()) return labelled->expected("true or false");
    split.labelled = labelled->value.GetBool();
  }
  if (split.list.empty() == split.images.empty()) return node.expected("one of the keys list, images");
  for (const std::string* pattern : {&split.image_pattern, &split.label_pattern}) {
    if (!pattern->empty() && pattern->find("{}") == std::string::npos) {
      return node.expected("{} in '" + *pattern + "', in the place of the name");
    }
  }
  if (split.list.empty()) {
    if (split.image_suffix.empty()) return node.expected("a key 'image_suffix' beside 'images'");
    if (split.labelled && (split.labels.empty() || split.label_suffix.empty())) {
      return node.expected("the keys 'labels' and 'label_suffix' beside 'images', or \"labelled\": false");
    }
  } else if (split.labelled && split.image_pattern.empty() != split.label_pattern.empty()) {
    return node.expected("both or none of image_pattern and label_pattern, or \"labelled\": false");
  }
  return split;
}

// One layout, or an array of those to try.
Result<std::vector<Split>> read_split(const Node& node, bool generated) {
  std::vector<Split> layouts;
  if (!node.value.IsArray()) {
    GRAPHRUN_ASSIGN(Split split, generated ? read_generated_split(node) : read_file_split(node));
    layouts.push_back(std::move(split));
    return layouts;
  }
  if (generated || node.value.Empty())
    return node.expected("an object, or an array of objects where files are read");
  for (rapidjson::SizeType i = 0; i < node.value.Size(); ++i) {
    GRAPHRUN_ASSIGN(Split split, read_file_split(node.child(std::to_string(i), node.value[i])));
    layouts.push_back(std::move(split));
    if (layouts[i].labelled != layouts[0].labelled) {
      return node.expected("the same \"labelled\" in all layouts of a split");
    }
  }
  return layouts;
}

Result<std::vector<std::string>> read_subfolders(const Node& node) {
  if (!node.value.IsArray()) return node.expected("an array of paths");
  std::vector<std::string> folders;
  for (rapidjson::SizeType i = 0; i < node.value.Size(); ++i) {
    const Node item = node.child(std::to_string(i), node.value[i]);
    GRAPHRUN_ASSIGN(folders.emplace_back(), read_string(item));
    if (!check_inside(folders.back()).ok()) return item.expected("a path inside the data root");
  }
  return folders;
}

Result<Generator> read_generator(const Node& node) {
  GRAPHRUN_TRY(check_object(node, {"name", "height", "width"}));
  Generator generator;
  GRAPHRUN_ASSIGN(const Node name, require(node, "name"));
  GRAPHRUN_ASSIGN(generator.name, read_string(name));
  GRAPHRUN_ASSIGN(const Node height, require(node, "height"));
  GRAPHRUN_ASSIGN(generator.height, read_int(height, 16, 8192));
  GRAPHRUN_ASSIGN(const Node width, require(node, "width"));
  GRAPHRUN_ASSIGN(generator.width, read_int(width, 16, 8192));
  return generator;
}

// A network's numbers for each channel.
Result<std::vector<double>> read_numbers(const Node& node, std::int64_t channels, double least) {
  if (!node.value.IsArray() || node.value.Size() != static_cast<rapidjson::SizeType>(channels))
    return node.expected("an array of " + std::to_string(channels) + " numbers, one for each channel");
  std::vector<double> numbers;
  for (rapidjson::SizeType i = 0; i < node.value.Size(); ++i) {
    const Json& value = node.value[i];
    if (!value.IsNumber() || !std::isfinite(value.GetDouble()) || !(value.GetDouble() >= least))
      return node.child(std::to_string(i), value)
          .expected("a number" + std::string(least > 0 ? " above 0" : ""));
    numbers.push_back(value.GetDouble());
  }
  return numbers;
}

Result<ImageScaling> read_preprocess(const Node& node, std::int64_t channels) {
  constexpr double kAny = -std::numeric_limits<double>::max();
  constexpr double kPositive = std::numeric_limits<double>::min();
  GRAPHRUN_TRY(check_object(node, {"value_scale", "mean", "std"}));
  ImageScaling scaling;
  if (const auto scale = find(node, "value_scale")) {
    if (!scale->value.IsNumber() || !(scale->value.GetDouble() > 0))
      return scale->expected("a number above 0");
    scaling.value_scale = scale->value.GetDouble();
  }
  GRAPHRUN_ASSIGN(const Node mean, require(node, "mean"));
  GRAPHRUN_ASSIGN(scaling.mean, read_numbers(mean, channels, kAny));
  GRAPHRUN_ASSIGN(const Node std, require(node, "std"));
  GRAPHRUN_ASSIGN(scaling.std, read_numbers(std, channels, kPositive));
  return scaling;
}

Result<ImageSource> read_images(const Node& node) {
  using Pixels = imaging::ImageForm::Pixels;
  GRAPHRUN_TRY(check_object(node, {"channels", "type", "files"}));
  ImageSource source;
  if (const auto channels = find(node, "channels")) {
    GRAPHRUN_ASSIGN(source.form.channels, read_int(*channels, 1, imaging::kMaxChannels));
  }
  std::string type = "u8";
  GRAPHRUN_TRY(read_optional(node, "type", type));
  if (type != "u8" && type != "u16" && type != "f32")
    return node.child("type", node.value["type"]).expected("u8, u16 or f32");
  source.form.pixels = type == "u16" ? Pixels::u16 : type == "f32" ? Pixels::f32 : Pixels::u8;
  const auto files = find(node, "files");
  if (!files) {
    if (source.form.channels == 3 && type == "u8") source.form.pixels = Pixels::picture;
    return source;
  }
  if (!files->value.IsArray() || files->value.Size() < 2 ||
      files->value.Size() > static_cast<rapidjson::SizeType>(source.form.channels))
    return files->expected("an array of 2 to " + std::to_string(source.form.channels) +
                           " parts of paths, no more than there are channels");
  for (rapidjson::SizeType i = 0; i < files->value.Size(); ++i) {
    const Node item = files->child(std::to_string(i), files->value[i]);
    GRAPHRUN_ASSIGN(source.files.emplace_back(), read_string(item));
    if (!check_inside(source.files.back()).ok())
      return item.expected("a part of a path inside the data root");
  }
  return source;
}

bool is_scalar(const Json& value) { return !value.IsObject() && !value.IsArray(); }

Result<Settings> read_settings(const Node& node) {
  GRAPHRUN_TRY(check_object(node, {}));
  Settings settings;
  for (const auto& member : node.value.GetObject()) {
    const Json& value = member.value;
    const bool flat =
        is_scalar(value) || (value.IsArray() && std::all_of(value.Begin(), value.End(), is_scalar));
    const std::string_view key = text_of(member.name);
    if (!flat) return node.child(key, value).expected("a number, string, boolean, null or an array of these");
    rapidjson::StringBuffer text;
    rapidjson::Writer<rapidjson::StringBuffer> writer(text);
    value.Accept(writer);
    settings[std::string(key)] = std::string(text.GetString(), text.GetSize());
  }
  return settings;
}

Result<Descriptor> read_descriptor(const Node& root) {
  GRAPHRUN_TRY(
      check_object(root, {"$schema", "name", "note", "classes", "labels", "splits", "subfolders", "generator",
                          "images", "preprocess", "data_root", "data_hint", "settings", "recipes"}));
  Descriptor descriptor;
  GRAPHRUN_ASSIGN(const Node name, require(root, "name"));
  GRAPHRUN_ASSIGN(descriptor.name, read_string(name));
  // Folders of runs are named after it.
  if (!core::is_component_name(descriptor.name))
    return name.expected("letters, digits and . _ + -, beginning with a letter or digit");
  GRAPHRUN_TRY(read_optional(root, "note", descriptor.note));
  GRAPHRUN_TRY(read_optional(root, "data_root", descriptor.data_root));
  GRAPHRUN_TRY(read_optional(root, "data_hint", descriptor.data_hint));
  GRAPHRUN_ASSIGN(const Node classes, require(root, "classes"));
  GRAPHRUN_ASSIGN(descriptor.classes, read_classes(classes));
  if (const auto generator = find(root, "generator")) {
    GRAPHRUN_ASSIGN(descriptor.generator, read_generator(*generator));
  }
  if (const auto images = find(root, "images")) {
    GRAPHRUN_ASSIGN(descriptor.images, read_images(*images));
  }
  if (const auto preprocess = find(root, "preprocess")) {
    GRAPHRUN_ASSIGN(descriptor.preprocess, read_preprocess(*preprocess, descriptor.images.form.channels));
  }
  if (const auto labels = find(root, "labels")) {
    GRAPHRUN_TRY(read_labels(*labels, descriptor));
  } else {
    return root.expected("a key 'labels'");
  }
  GRAPHRUN_ASSIGN(const Node splits, require(root, "splits"));
  GRAPHRUN_TRY(check_object(splits, {}));
  for (const auto& member : splits.value.GetObject()) {
    const Node split = splits.child(text_of(member.name), member.value);
    GRAPHRUN_ASSIGN(descriptor.splits[std::string(text_of(member.name))],
                    read_split(split, descriptor.generator.has_value()));
  }
  if (const auto folders = find(root, "subfolders")) {
    GRAPHRUN_ASSIGN(descriptor.subfolders, read_subfolders(*folders));
  }
  if (const auto settings = find(root, "settings")) {
    GRAPHRUN_ASSIGN(descriptor.settings, read_settings(*settings));
  }
  if (const auto recipes = find(root, "recipes")) {
    GRAPHRUN_TRY(check_object(*recipes, {}));
    for (const auto& member : recipes->value.GetObject()) {
      Recipe recipe{std::string(text_of(member.name)), {}};
      GRAPHRUN_ASSIGN(recipe.settings, read_settings(recipes->child(recipe.pattern, member.value)));
      descriptor.recipes.push_back(std::move(recipe));
    }
  }
  return descriptor;
}

}  // namespace

Result<Descriptor> parse_descriptor(std::string_view json, const std::filesystem::path& file) try {
  GRAPHRUN_ASSIGN(const rapidjson::Document document, parse_json(json, file));
  auto descriptor = read_descriptor(Node{document, ""});
  if (!descriptor.ok()) return std::move(descriptor).status().with_context(file.string());
  descriptor->file = file;
  return descriptor;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
