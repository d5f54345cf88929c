#include "training/run/rename_rules.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <optional>
#include <system_error>

#include "runtime/core/data_folders.h"
#include "runtime/core/file.h"
#include "runtime/core/json_reader.h"

namespace graphrun::training {

namespace fs = std::filesystem;

namespace {

// What the stars of a pattern stand for in a name, and how much of the name it takes.
struct Match {
  std::vector<std::string_view> parts;
  std::size_t length = 0;
};

std::optional<Match> match_start(std::string_view pattern, std::string_view name) {
  Match match;
  for (const char c : pattern) {
    const std::string_view rest = name.substr(match.length);
    if (c == '*') {
      match.parts.push_back(rest.substr(0, rest.find('.')));
      match.length += match.parts.back().size();
    } else if (rest.starts_with(c)) {
      ++match.length;
    } else {
      return std::nullopt;
    }
  }
  return match;
}

}  // namespace

std::string RenameRules::apply(std::string_view tensor) const {
  for (const auto& [from, to] : prefixes) {
    const std::optional<Match> match = match_start(from, tensor);
    if (!match) continue;
    std::string renamed;
    auto part = match->parts.begin();
    for (const char c : to) {
      if (c == '*' && part != match->parts.end()) {
        renamed += *part++;
      } else {
        renamed += c;
      }
    }
    return renamed.append(tensor.substr(match->length));
  }
  return {};
}

bool RenameRules::may_give(std::string_view variable) const {
  return std::ranges::any_of(
      prefixes, [&](const auto& rule) { return match_start(rule.second, variable).has_value(); });
}

Result<RenameRules> read_rules(const fs::path& path) {
  constexpr std::int64_t kMaxBytes = 1 << 20;
  GRAPHRUN_ASSIGN(const std::string json, core::read_file(path, kMaxBytes));
  rapidjson::Document document;
  const Status wrong(ErrorCode::invalid_file,
                     path.string() +
                         ": expected {\"prefixes\": {\"from\": \"to\", ...}, \"hints\": "
                         "{\"tensor\": \"text\", ...}}");
  if (core::read_json(json, document).IsError() || !document.IsObject() || !document.HasMember("prefixes"))
    return wrong;
  const auto read = [&](const char* key, std::vector<std::pair<std::string, std::string>>& texts) {
    if (!document.HasMember(key)) return true;
    if (!document[key].IsObject()) return false;
    for (const auto& member : document[key].GetObject()) {
      if (!member.value.IsString()) return false;
      texts.emplace_back(member.name.GetString(), member.value.GetString());
    }
    return true;
  };
  RenameRules rules{path.stem().string(), {}, {}};
  if (!read("prefixes", rules.prefixes) || !read("hints", rules.hints)) return wrong;
  std::ranges::stable_sort(rules.prefixes, std::ranges::greater(),
                           [](const auto& rule) { return rule.first.size(); });
  return rules;
}

Result<std::vector<RenameRules>> all_rules(std::string_view name) {
  std::vector<RenameRules> all;
  std::error_code error;
  for (const fs::path& folder : core::data_folders("graphs")) {
    std::vector<fs::path> files;
    for (fs::directory_iterator entry(folder / name, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->path().extension() == ".json") files.push_back(entry->path());
    }
    std::ranges::sort(files);
    for (const fs::path& file : files) {
      GRAPHRUN_ASSIGN(RenameRules rules, read_rules(file));
      all.push_back(std::move(rules));
    }
    if (!all.empty()) break;
  }
  return all;
}

Result<RenameRules> find_map(std::string_view name) {
  GRAPHRUN_ASSIGN(const std::vector<RenameRules> all, all_rules("maps"));
  std::string names;
  for (const RenameRules& rules : all) {
    if (rules.name == name) return rules;
    names += (names.empty() ? "" : ", ") + rules.name;
  }
  return {ErrorCode::not_found, "no map \"" + std::string(name) +
                                    "\" in graphs/maps/; there are: " + (names.empty() ? "none" : names)};
}

}  // namespace graphrun::training
