#include "compiler/diagnostics.h"

#include <algorithm>

#include "graphrun/kernel/attributes.h"

namespace graphrun {

std::string to_string(const Diagnostic& diagnostic) {
  return diagnostic.file + ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column) +
         ": error: " + (diagnostic.node.empty() ? "" : diagnostic.node + ": ") + diagnostic.message;
}

namespace compiler {

std::int32_t Diagnostics::add_file(std::string name) {
  files_.push_back(std::move(name));
  return static_cast<std::int32_t>(files_.size() - 1);
}

void Diagnostics::error(Position at, std::string_view node, std::string_view message) {
  constexpr std::size_t kMaxErrors = 100;
  if (errors_.size() >= kMaxErrors) {
    truncated_ = true;
    return;
  }
  if (!seen_.emplace(at, std::string(message)).second) return;
  errors_.push_back({at, std::string(node), std::string(message)});
}

std::string Diagnostics::suggestion(Position at, const std::string& name,
                                    const std::function<std::vector<std::string_view>()>& candidates) {
  if (truncated_) return {};
  const auto [entry, is_new] = suggestions_.try_emplace({at, name});
  if (is_new) entry->second = compiler::suggestion(name, candidates());
  return entry->second;
}

std::vector<Diagnostic> Diagnostics::errors() const {
  std::vector<Error> sorted = errors_;
  std::ranges::stable_sort(sorted, {}, &Error::at);
  std::vector<Diagnostic> all;
  all.reserve(sorted.size());
  for (Error& error : sorted) {
    all.push_back({files_[static_cast<std::size_t>(error.at.file)], error.at.line, error.at.column,
                   std::move(error.node), std::move(error.message)});
  }
  return all;
}

std::string Diagnostics::text() const {
  std::string all;
  for (const Diagnostic& error : errors()) all += to_string(error) + "\n";
  if (truncated_) all += "more errors are not shown\n";
  return all;
}

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string suggestion(std::string_view name, const std::vector<std::string_view>& candidates) {
  const std::string near = nearest_name(name, candidates);
  if (!near.empty()) return "; did you mean " + in_quotes(near) + "?";
  constexpr std::size_t kShortList = 16;
  if (candidates.empty() || candidates.size() > kShortList) return "";
  std::string list;
  for (const std::string_view candidate : candidates) {
    list += (list.empty() ? "; there is " : ", ") + in_quotes(candidate);
  }
  return list;
}

}  // namespace compiler
}  // namespace graphrun
