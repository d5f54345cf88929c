#include "exchange/from_onnx/names.h"

#include <algorithm>
#include <vector>

namespace graphrun::exchange::from_onnx {
namespace {

constexpr std::size_t kMaxLength = 160;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// As paths of graph files are: parts of letters, digits, _ and -, with a dot between them.
std::string cleaned(std::string_view text) {
  std::string path;
  for (const char c : text.substr(0, kMaxLength)) {
    const bool dot = c == '.' || c == '/';
    if (dot && (path.empty() || path.back() == '.')) continue;
    path += dot ? '.' : is_word(c) || c == '-' ? c : '_';
  }
  while (!path.empty() && path.back() == '.') path.pop_back();
  return path;
}

// Scopes of a node: a scope that repeats the one around it, as "layer1.0" does in "layer1/layer1.0", replaces
// it.
std::string joined_scopes(std::string_view name) {
  std::vector<std::string_view> scopes;
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view scope = name.substr(begin, end - begin);
    begin = end + 1;
    if (scope.empty()) continue;
    const bool repeats = !scopes.empty() && scope.size() > scopes.back().size() &&
                         scope.starts_with(scopes.back()) && scope[scopes.back().size()] == '.';
    if (repeats) scopes.pop_back();
    scopes.push_back(scope);
  }
  std::string path;
  for (const std::string_view scope : scopes) path += (path.empty() ? "" : ".") + std::string(scope);
  return path;
}

}  // namespace

std::string path_of(const onnx::Node& node, std::string_view weight, std::size_t index) {
  constexpr std::string_view kSuffix = ".weight";
  std::string path;
  if (weight.size() > kSuffix.size() && weight.ends_with(kSuffix))
    path = cleaned(weight.substr(0, weight.size() - kSuffix.size()));
  if (path.empty()) {
    std::string_view name = node.name;
    if (name.ends_with("/" + node.op)) name.remove_suffix(node.op.size() + 1);
    path = cleaned(joined_scopes(name));
  }
  return path.empty() ? cleaned(node.op) + std::to_string(index) : path;
}

std::string identifier_of(std::string_view text) {
  std::string name(text.substr(0, kMaxLength));
  std::ranges::replace_if(
      name, [](char c) { return !is_word(c); }, '_');
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(0, "v");
  return name;
}

std::string Names::unique(const std::string& name) {
  if (taken_.insert(name).second) return name;
  int& number = numbers_.emplace(name, 2).first->second;
  for (;;) {
    const std::string candidate = name + "_" + std::to_string(number++);
    if (taken_.insert(candidate).second) return candidate;
  }
}

}  // namespace graphrun::exchange::from_onnx
