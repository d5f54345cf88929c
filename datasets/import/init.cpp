#include "datasets/import/init.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <system_error>

#include "datasets/color.h"
#include "datasets/import/class_list.h"
#include "datasets/import/data_folder.h"
#include "datasets/import/folder_pairs.h"
#include "datasets/import/mask_survey.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

using SplitPairs = std::map<std::string, std::vector<FolderPair>>;

ClassesFound classes_of_colors(const MaskSurvey& survey, const std::vector<ClassInfo>& named) {
  ClassesFound found;
  std::set<std::uint32_t> known;
  std::string ignored;
  for (const ClassInfo& info : named) {
    known.insert(packed(info.color));
    if (is_void_name(info.name)) {
      ignored += (ignored.empty() ? "[" : ", [") + std::to_string(info.color.r) + ", " +
                 std::to_string(info.color.g) + ", " + std::to_string(info.color.b) + "]";
    } else {
      found.classes.push_back(info);
    }
  }
  found.labels = "{\"colors\": true" + (ignored.empty() ? "" : ", \"ignore\": [" + ignored + "]") + "}";
  // Black, which is the background of most, comes first by itself.
  for (const auto& [color, pixels] : survey.pixels_of_colors) {
    if (!known.contains(color))
      found.classes.push_back({"class_" + std::to_string(found.classes.size()), unpacked(color)});
  }
  return found;
}

ClassesFound classes_of_ids(const MaskSurvey& survey) {
  constexpr std::uint16_t kVoid = 255;
  std::vector<std::uint16_t> ids;
  for (const auto& [id, pixels] : survey.pixels_of_ids) ids.push_back(id);
  if (ids == std::vector<std::uint16_t>{0, kVoid})
    return {{{"background", distinct_color(0)}, {"object", distinct_color(1)}},
            R"({"map": {"0": 0, "255": 1}})"};
  const bool has_void = ids.size() > 1 && survey.pixels_of_ids.contains(kVoid);
  if (has_void) std::erase(ids, kVoid);
  ClassesFound found;
  std::string map;
  for (const std::uint16_t id : ids) {
    const std::size_t class_id = found.classes.size();
    const auto color = survey.palette.find(id);
    found.classes.push_back({"class_" + std::to_string(id),
                             color == survey.palette.end() ? distinct_color(class_id) : color->second});
    map += (map.empty() ? "\"" : ", \"") + std::to_string(id) + "\": " + std::to_string(class_id);
  }
  const bool without_gaps = ids.front() == 0 && ids.back() == ids.size() - 1;
  found.labels = without_gaps ? "{\"identity\": " + std::to_string(ids.size()) : "{\"map\": {" + map + "}";
  found.labels += has_void ? ", \"ignore\": [255]}" : "}";
  return found;
}

// The first folder below images/, where it is the name of a split.
std::string split_of(const FolderPair& pair, const std::string& images) {
  const std::string below = pair.image.substr(images.size() + 1);
  const std::string first = below.substr(0, below.find('/'));
  if (first == below) return "";
  if (first == "val" || first == "valid" || first == "validation") return "val";
  return first == "train" || first == "training" ? "train" : first == "test" ? "test" : "";
}

SplitPairs drawn_splits(const std::vector<FolderPair>& pairs, double val, std::uint64_t seed) {
  const std::size_t count = pairs.size();
  auto of_val = static_cast<std::size_t>(std::lround(val * static_cast<double>(count)));
  if (val > 0 && count > 1) of_val = std::clamp<std::size_t>(of_val, 1, count - 1);
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  std::mt19937_64 random(seed);
  // Not std::shuffle, which differs between libraries.
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  std::vector<bool> validates(count);
  for (std::size_t i = 0; i < of_val; ++i) validates[order[i]] = true;
  SplitPairs splits;
  for (std::size_t i = 0; i < count; ++i) splits[validates[i] ? "val" : "train"].push_back(pairs[i]);
  return splits;
}

Result<SplitPairs> splits_of(const FolderPairs& found, const InitRequest& request) {
  SplitPairs splits;
  for (const FolderPair& pair : found.pairs) splits[split_of(pair, found.images)].push_back(pair);
  if (splits.contains("")) return drawn_splits(found.pairs, request.val, request.seed);
  if (request.val > 0) {
    return Status(ErrorCode::usage, (request.folder / found.images).string() +
                                        " is divided into splits by folders already: leave --val out");
  }
  return splits;
}

Result<std::string> list_of(const std::vector<FolderPair>& pairs) {
  std::string list;
  for (const FolderPair& pair : pairs) {
    if ((pair.image + pair.mask).find_first_of("\t\r\n") != std::string::npos)
      return Status(ErrorCode::invalid_file,
                    pair.image + ": a name with a tab or a line end cannot stand in a list");
    list += pair.image + "\t" + pair.mask + "\n";
  }
  return list;
}

Result<fs::path> write_all(const fs::path& folder, const ClassesFound& found, const SplitPairs& splits) {
  std::map<std::string, std::string> texts;
  DescriptorText descriptor{descriptor_name(folder), found.classes, found.labels, {}};
  for (const auto& [split, pairs] : splits) {
    descriptor.lists[split] = split + ".txt";
    GRAPHRUN_ASSIGN(texts[split + ".txt"], list_of(pairs));
  }
  texts["dataset.json"] = to_json(descriptor);
  std::error_code ignored;
  for (const auto& [name, text] : texts) {
    if (fs::exists(folder / name, ignored)) {
      return Status(ErrorCode::invalid_argument,
                    (folder / name).string() + ": is there already, and is not overwritten");
    }
  }
  for (const auto& [name, text] : texts) GRAPHRUN_TRY(core::write_file(folder / name, text));
  return folder / "dataset.json";
}

}  // namespace

Result<ClassesFound> classes_of_masks(const MaskSurvey& survey, const std::vector<ClassInfo>& named) {
  if (survey.form == LabelForm::ids) return classes_of_ids(survey);
  return classes_of_colors(survey, named);
}

Result<InitReport> init_dataset(const InitRequest& request) try {
  GRAPHRUN_ASSIGN(const FolderPairs found, pair_folders(request.folder, request.images, request.masks));
  GRAPHRUN_ASSIGN(const SplitPairs splits, splits_of(found, request));
  std::vector<fs::path> masks;
  for (const FolderPair& pair : found.pairs) masks.push_back(request.folder / pair.mask);
  GRAPHRUN_ASSIGN(const MaskSurvey survey, survey_masks(masks, request.progress));
  std::vector<ClassInfo> named;
  const fs::path list = request.classes.empty() ? find_class_colors(request.folder) : request.classes;
  if (!list.empty() && survey.form == LabelForm::colors) {
    GRAPHRUN_ASSIGN(named, read_class_colors(list));
  }
  GRAPHRUN_ASSIGN(const ClassesFound classes, classes_of_masks(survey, named));
  InitReport report;
  GRAPHRUN_ASSIGN(report.descriptor, write_all(request.folder, classes, splits));
  report.classes = classes.classes;
  report.labels = classes.labels;
  for (const auto& [split, pairs] : splits) report.splits[split] = static_cast<std::int64_t>(pairs.size());
  report.notes = found.notes;
  if (!named.empty()) report.notes.push_back("classes are named by " + list.string());
  const auto black = std::ranges::find(report.classes, imaging::Color{0, 0, 0}, &ClassInfo::color);
  if (named.empty() && survey.form == LabelForm::colors && black != report.classes.end()) {
    report.notes.push_back(
        black->name +
        " is black, which is void in many masks: where it is, take it out of \"classes\" and "
        "write \"labels\": {\"colors\": true, \"ignore\": [[0, 0, 0]]}");
  }
  return report;
} catch (...) {
  return core::caught();
}

}  // namespace graphrun::datasets
