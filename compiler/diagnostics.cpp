#include "compiler/diagnostics.h"

#include <algorithm>

#include "graphrun/kernel/attributes.h"

namespace graphrun::compiler {

std::int32_t Diagnostics::add_file(std::string name) {
  files_.push_back(std::move(name));
  return static_cast<std::int32_t>(files_.size() - 1);
}

void Diagnostics::error(Position at, std::string_view node, std::string_view message) {
  constexpr std::size_t kMaxErrors = 100;
  if (lines_.size() >= kMaxErrors) {
    truncated_ = true;
    return;
  }
  if (!seen_.emplace(at, std::string(message)).second) return;
  std::string line = files_[static_cast<std::size_t>(at.file)] + ":" + std::to_string(at.line) + ":" +
                     std::to_string(at.column) + ": error: ";
  if (!node.empty()) line += std::string(node) + ": ";
  lines_.push_back({at, line + std::string(message)});
}

std::string Diagnostics::text() const {
  std::string all;
  std::vector<Line> sorted = lines_;
  std::ranges::stable_sort(sorted, {}, &Line::at);
  for (const Line& line : sorted) all += line.text + "\n";
  if (truncated_) all += "more errors are not shown\n";
  return all;
}

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string suggestion(std::string_view name, const std::vector<std::string_view>& candidates) {
  const std::string near = nearest_name(name, candidates);
  if (!near.empty()) return "; did you mean " + in_quotes(near) + "?";
  constexpr std::size_t kShortList = 12;
  if (candidates.empty() || candidates.size() > kShortList) return "";
  std::string list;
  for (const std::string_view candidate : candidates) {
    list += (list.empty() ? "; there is " : ", ") + in_quotes(candidate);
  }
  return list;
}

}  // namespace graphrun::compiler
