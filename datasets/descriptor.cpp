#include "datasets/descriptor.h"

#include <string_view>
#include <vector>

#include "graphrun/kernel/attributes.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"
#include "runtime/core/pattern.h"

namespace graphrun::datasets {

namespace {
constexpr std::int64_t kMaxDescriptorBytes = std::int64_t{16} << 20;

// Names of the descriptors in a folder.
std::vector<std::string> descriptors_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::filesystem::path& file = entry->path();
    if (file.extension() == ".json" && !file.stem().has_extension()) names.push_back(file.stem().string());
  }
  return names;
}

}  // namespace

Result<Descriptor> load_descriptor(const std::string& name_or_path,
                                   std::span<const std::filesystem::path> search_dirs) try {
  std::filesystem::path file;
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".json")) {
    file = name_or_path;
  } else {
    std::string looked;
    std::vector<std::string> known;
    std::error_code error;
    for (const auto& dir : search_dirs) {
      const auto candidate = dir / (name_or_path + ".json");
      if (std::filesystem::is_regular_file(candidate, error)) {
        file = candidate;
        break;
      }
      looked += "\n  " + candidate.string();
      for (const std::string& name : descriptors_in(dir)) known.push_back(name);
    }
    if (file.empty()) {
      const std::vector<std::string_view> names(known.begin(), known.end());
      const std::string near = nearest_name(name_or_path, names);
      return Status(ErrorCode::not_found,
                    "no data set is called '" + name_or_path + "'" +
                        (near.empty() ? "" : " (did you mean '" + near + "'?)") + "; looked for:" + looked +
                        "\nGive a name of one of these folders, or the path of a descriptor (JSON).");
    }
  }
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(file, kMaxDescriptorBytes));
  return parse_descriptor(text, file);
} catch (...) {
  return core::caught();
}

Settings recipe_settings(const Descriptor& descriptor, std::string_view network) {
  Settings merged;
  for (const Recipe& recipe : descriptor.recipes) {
    if (!core::matches_pattern(recipe.pattern, network)) continue;
    for (const auto& [key, value] : recipe.settings) merged[key] = value;
  }
  return merged;
}

const LabelRule& label_rule(const Descriptor& descriptor, const std::filesystem::path& label) {
  for (const LabelVariant& variant : descriptor.label_variants) {
    if (core::matches_pattern(variant.pattern, label.native())) return variant.rule;
  }
  return descriptor.labels;
}

Status check_inside(std::string_view path) {
  const std::filesystem::path parsed(path);
  if (path.find('\0') != std::string_view::npos)
    return {ErrorCode::invalid_file, "a path holds a zero character"};
  if (parsed.empty()) return {ErrorCode::invalid_file, "expected a path, found nothing"};
  if (parsed.is_absolute()) {
    return {ErrorCode::invalid_file,
            "'" + std::string(path) +
                "' begins with /: paths are relative to the data root, without what leads there"};
  }
  for (const auto& part : parsed) {
    if (part == "..") {
      return {ErrorCode::invalid_file,
              "'" + std::string(path) +
                  "' leads out of the data root: give a folder above as the root, or link the files into it"};
    }
  }
  return {};
}

}  // namespace graphrun::datasets
