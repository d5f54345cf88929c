#include "training/run/backbone.h"

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "runtime/core/data_folders.h"
#include "runtime/core/file.h"
#include "runtime/core/guard.h"

namespace graphrun::training {
namespace {

namespace fs = std::filesystem;

// Names of a file that start with `from` start with `to` in the model; the longest match counts.
struct RenameRules {
  std::string name;
  std::vector<std::pair<std::string, std::string>> prefixes;  // longest first
  std::vector<std::pair<std::string, std::string>> hints;     // for tensors of another shape than the model's

  std::string apply(std::string_view tensor) const {
    for (const auto& [from, to] : prefixes) {
      if (tensor.starts_with(from)) return to + std::string(tensor.substr(from.size()));
    }
    return {};
  }
};

Result<RenameRules> read_rules(const fs::path& path) {
  constexpr std::int64_t kMaxBytes = 1 << 20;
  GRAPHRUN_ASSIGN(const std::string json, core::read_file(path, kMaxBytes));
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  const Status wrong(ErrorCode::invalid_file,
                     path.string() +
                         ": expected {\"prefixes\": {\"from\": \"to\", ...}, \"hints\": "
                         "{\"tensor\": \"text\", ...}}");
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("prefixes")) return wrong;
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

Result<std::vector<RenameRules>> all_rules() {
  std::vector<RenameRules> all;
  std::error_code error;
  for (const fs::path& folder : core::data_folders("graphs")) {
    std::vector<fs::path> files;
    for (fs::directory_iterator entry(folder / "backbones", error), end; !error && entry != end;
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

// What the rules say of the tensors that do not have the shapes of the model's variables.
std::string hints_for(const RenameRules& rules, const weights::TensorFile& file,
                      const model::Program& program, const weights::Weights& weights) {
  const std::vector<model::Variable>& variables = program.model().variables;
  std::string text;
  for (const auto& [name, hint] : rules.hints) {
    const auto tensor = std::ranges::find(file.tensors(), name, &weights::NamedTensor::name);
    const auto variable = std::ranges::find(variables, rules.apply(name), &model::Variable::name);
    if (tensor == file.tensors().end() || variable == variables.end()) continue;
    const auto index = static_cast<std::size_t>(variable - variables.begin());
    if (!(tensor->desc.shape == weights.variable(index).desc.shape)) text += "; " + hint;
  }
  return text;
}

}  // namespace

Result<BackboneReport> load_backbone(const std::string& path, const model::Program& program,
                                     weights::Weights& weights, const weights::TensorChoice& choice) try {
  GRAPHRUN_ASSIGN(const std::vector<RenameRules> all, all_rules());
  weights::TensorChoice chosen = weights::choice_for(program, choice);
  chosen.wants = [&all, known = chosen.wants](std::string_view name) {
    return std::ranges::any_of(all, [&](const RenameRules& rules) { return known(rules.apply(name)); });
  };
  GRAPHRUN_ASSIGN(const std::shared_ptr<const weights::TensorFile> file,
                  weights::TensorFile::open(path, chosen));
  const auto matches = [&](const RenameRules& rules) {
    return std::ranges::count_if(file->tensors(), [&](const weights::NamedTensor& tensor) {
      return program.model().variable(rules.apply(tensor.name)) != nullptr;
    });
  };
  const auto best = std::ranges::max_element(all, {}, matches);
  if (best == all.end() || matches(*best) == 0) {
    return {ErrorCode::invalid_file,
            path + ": no rules in graphs/backbones/ name its tensors after the model's"};
  }
  BackboneReport report;
  report.rules = best->name;
  const auto rename = [&](std::string_view tensor) { return best->apply(tensor); };
  Result<std::vector<std::string>> taken = weights.load_some(*file, rename).with_context(path);
  if (!taken.ok()) {
    return {taken.status().code(), taken.status().message() + hints_for(*best, *file, program, weights)};
  }
  report.taken = *std::move(taken);
  std::ranges::sort(report.taken);
  for (const weights::NamedTensor& tensor : file->tensors()) {
    if (!std::ranges::binary_search(report.taken, rename(tensor.name)))
      report.not_taken.push_back(tensor.name);
  }
  for (const model::Variable& variable : program.model().variables) {
    const bool in_backbone = std::ranges::any_of(
        best->prefixes, [&](const auto& rule) { return variable.name.starts_with(rule.second); });
    const bool loadable = variable.kind == VariableKind::parameter || variable.kind == VariableKind::buffer;
    if (loadable && in_backbone && !std::ranges::binary_search(report.taken, variable.name)) {
      report.unset.push_back(variable.name);
    }
  }
  return report;
} catch (...) {
  return core::caught();
}

std::string format_report(const BackboneReport& report, bool all_names) {
  const auto list = [all_names](const char* title, const std::vector<std::string>& names) {
    constexpr std::size_t kFew = 8;
    std::string text = fmt::format("\n  {} {}", names.size(), title);
    const std::size_t shown = all_names ? names.size() : std::min(names.size(), kFew);
    for (std::size_t i = 0; i < shown; ++i) text += "\n    " + names[i];
    if (shown < names.size())
      text += fmt::format("\n    ... and {} more (-v lists all)", names.size() - shown);
    return text;
  };
  return "backbone by the rules \"" + report.rules +
         "\":" + fmt::format("\n  {} tensors taken", report.taken.size()) +
         list("tensors of the file not taken", report.not_taken) +
         list("backbone variables keep their random start", report.unset);
}

}  // namespace graphrun::training
