#include "datasets/import/data_folder.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <system_error>

#include "datasets/image_io.h"
#include "runtime/core/atomic_file.h"
#include "runtime/core/component_name.h"
#include "runtime/core/file.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

constexpr char kDescriptor[] = "dataset.json";

Status file_error(const fs::path& file, const std::string& what) {
  return {ErrorCode::invalid_file, file.string() + ": " + what};
}

Status make_folder(const fs::path& folder) {
  return core::make_folders(folder.string()).with_context("cannot make the folder");
}

// Linked where that is possible: data sets are large, and neither side changes its files.
Status link_or_copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  const fs::path file = fs::canonical(from, error);
  if (error) return {ErrorCode::not_found, from.string() + ": " + error.message()};
  fs::create_hard_link(file, to, error);
  if (error) fs::copy_file(file, to, error);
  if (error) return {ErrorCode::io, to.string() + ": cannot be written: " + error.message()};
  return {};
}

std::string list_line(const std::string& image, const std::string& label) {
  return image + "\t" + label + "\n";
}

int void_id(std::size_t classes) {
  return classes > imaging::kMaxByteClasses ? imaging::kIgnoredClass : imaging::kByteIgnored;
}

std::string rule_of(std::size_t classes) {
  return "{\"identity\": " + std::to_string(classes) + ", \"ignore\": [" + std::to_string(void_id(classes)) +
         "]}";
}

// The lists of a data set that was imported before.
Result<std::map<std::string, std::string>> lists_of(const fs::path& file, const std::string& split,
                                                    const std::vector<ClassInfo>& classes) {
  GRAPHRUN_ASSIGN(const Descriptor before, load_descriptor(file.string(), {}));
  if (before.splits.contains(split))
    return file_error(file, "has a split '" + split + "' already: give another --split, or another folder");
  const auto same = [](const ClassInfo& a, const ClassInfo& b) { return a.name == b.name; };
  if (!std::ranges::equal(before.classes, classes, same))
    return file_error(file, "has other classes: import into another folder");
  std::map<std::string, std::string> lists;
  for (const auto& [name, layouts] : before.splits) lists[name] = layouts.front().list;
  return lists;
}

}  // namespace

std::string to_json(const DescriptorText& text) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  const auto string = [&](const std::string& value) {
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  writer.Key("name"), string(text.name);
  writer.Key("classes"), writer.StartArray();
  for (const ClassInfo& info : text.classes) {
    writer.SetFormatOptions(rapidjson::kFormatDefault);
    writer.StartObject();
    writer.Key("name"), string(info.name);
    writer.SetFormatOptions(rapidjson::kFormatSingleLineArray);
    writer.Key("color"), writer.StartArray();
    for (const int part : {info.color.r, info.color.g, info.color.b}) writer.Int(part);
    writer.EndArray();
    writer.SetFormatOptions(rapidjson::kFormatDefault);
    writer.EndObject();
  }
  writer.EndArray();
  writer.Key("labels"), writer.RawValue(text.labels.data(), text.labels.size(), rapidjson::kObjectType);
  writer.Key("splits"), writer.StartObject();
  for (const auto& [split, list] : text.lists) {
    string(split);
    writer.StartObject();
    writer.Key("list"), string(list);
    writer.EndObject();
  }
  writer.EndObject();
  // Evaluation sees images at the size that training sees them in.
  writer.Key("settings"), writer.StartObject();
  writer.Key("base_size"), writer.Int(0);
  writer.EndObject();
  writer.Key("data_root"), writer.String(".");
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string descriptor_name(const fs::path& folder) {
  std::error_code ignored;
  const std::string given = fs::weakly_canonical(folder, ignored).filename().string();
  std::string name;
  for (const char c : given) {
    const std::string longer = name + c;
    if (core::is_component_name(longer)) name = longer;
  }
  return name.empty() ? "data" : name;
}

imaging::Color distinct_color(std::size_t index) {
  if (index == 0) return {0, 0, 0};
  // Hues a golden section apart, in three shades.
  const double hue = std::fmod(static_cast<double>(index) / std::numbers::phi, 1.0);
  const double shade = 1.0 - 0.25 * static_cast<double>(index / 7 % 3);
  const auto part = [&](double at) {
    const double distance = std::abs(std::fmod(hue + at, 1.0) * 6 - 3) - 1;
    return static_cast<std::uint8_t>(std::lround(255 * shade * std::clamp(distance, 0.1, 1.0)));
  };
  return {part(0), part(2.0 / 3), part(1.0 / 3)};
}

Result<DataFolder> DataFolder::open(const fs::path& folder, const std::string& split,
                                    std::vector<ClassInfo> classes) {
  if (!core::is_component_name(split))
    return Status(ErrorCode::usage, "'" + split + "' is no name of a split: letters, digits and . _ + -");
  if (classes.empty() || classes.size() > imaging::kMaxClasses) {
    return Status(ErrorCode::invalid_file, "expected 1 to " + std::to_string(imaging::kMaxClasses) +
                                               " classes, found " + std::to_string(classes.size()));
  }
  DataFolder data(folder, split, std::move(classes));
  std::error_code ignored;
  const fs::path before = folder / kDescriptor;
  if (fs::exists(before, ignored)) {
    GRAPHRUN_ASSIGN(data.lists_, lists_of(before, split, data.classes_));
  }
  GRAPHRUN_TRY(make_folder(folder));
  return data;
}

Result<fs::path> DataFolder::new_image(const std::string& name) {
  GRAPHRUN_TRY(check_inside(name));
  if (name.find_first_of("\t\r\n") != std::string::npos)
    return Status(ErrorCode::invalid_file, "a name with a tab or a line end cannot stand in a list");
  const fs::path label = fs::path(name).replace_extension();
  std::error_code ignored;
  if (!names_.insert(label.string()).second)
    return Status(ErrorCode::invalid_file, "two images are called '" + label.string() + "'");
  const fs::path image = folder_ / "images" / name;
  if (fs::exists(image, ignored)) return file_error(image, "is there already: import into another folder");
  GRAPHRUN_TRY(make_folder(image.parent_path()));
  return image;
}

Status check_annotated_size(const fs::path& image, imaging::Extent annotated) {
  GRAPHRUN_ASSIGN(const imaging::Extent size, read_image_size(image));
  if (size.height == annotated.height && size.width == annotated.width) return {};
  return file_error(image, "is " + std::to_string(size.width) + " x " + std::to_string(size.height) +
                               " pixels (as EXIF turns it, where it does), but its annotation is of " +
                               std::to_string(annotated.width) + " x " + std::to_string(annotated.height));
}

Status DataFolder::add_label(const fs::path& image, const std::string& name, const imaging::LabelMap& label) {
  GRAPHRUN_TRY(check_annotated_size(image, {label.height, label.width}));
  const std::string below = fs::path("labels" / fs::path(name)).replace_extension(".png").generic_string();
  GRAPHRUN_TRY(make_folder((folder_ / below).parent_path()));
  GRAPHRUN_TRY(write_gray_png(folder_ / below, label, static_cast<std::int64_t>(classes_.size())));
  list_ += list_line("images/" + name, below);
  return {};
}

Status DataFolder::add(const fs::path& image, const std::string& name, const imaging::LabelMap& label) {
  GRAPHRUN_ASSIGN(const fs::path file, new_image(name));
  GRAPHRUN_TRY(link_or_copy(image, file));
  return add_label(file, name, label);
}

Status DataFolder::add(std::string_view image, const std::string& name, const imaging::LabelMap& label) {
  GRAPHRUN_ASSIGN(const fs::path file, new_image(name));
  GRAPHRUN_TRY(core::write_file(file, image));
  return add_label(file, name, label);
}

Result<fs::path> DataFolder::finish() {
  if (names_.empty()) return Status(ErrorCode::invalid_file, "there is no image with an annotation");
  const std::string list = split_ + ".txt";
  GRAPHRUN_TRY(core::write_file(folder_ / list, list_));
  lists_[split_] = list;
  const fs::path file = folder_ / kDescriptor;
  GRAPHRUN_TRY(core::write_file(
      file, to_json({descriptor_name(folder_), classes_, rule_of(classes_.size()), lists_})));
  return file;
}

}  // namespace graphrun::datasets
