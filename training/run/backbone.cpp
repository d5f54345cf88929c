#include "training/run/backbone.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/core/guard.h"
#include "training/run/rename_rules.h"

namespace graphrun::training {
namespace {

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
  GRAPHRUN_ASSIGN(const std::vector<RenameRules> all, all_rules("backbones"));
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
