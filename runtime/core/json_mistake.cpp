#include "runtime/core/json_mistake.h"

#include <array>
#include <cctype>
#include <utility>

namespace graphrun::core {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

// Constants of other languages at the beginning of the text.
std::string_view constant_mistake(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kConstants{{
      {"True", "true is written in small letters"},
      {"False", "false is written in small letters"},
      {"None", "None is null in JSON"},
      {"NaN", "JSON has no NaN"},
      {"Inf", "JSON has no infinity"},
  }};
  for (const auto& [constant, what] : kConstants) {
    if (text.starts_with(constant)) return what;
  }
  return {};
}

}  // namespace

std::string json_mistake(std::string_view text, std::size_t offset, std::string_view reason) {
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return "the file is empty";
  const std::size_t last = text.find_last_not_of(kBlank);
  if (offset > last) return "the file ends too early: a bracket or a quotation mark is not closed";
  const std::string_view rest = text.substr(offset);
  if (rest.starts_with("//") || rest.starts_with("/*") || rest.starts_with('#'))
    return "JSON has no comments";
  if (offset <= first && rest[0] != '{' && rest[0] != '[') return "it does not begin with { as JSON does";
  if (rest.starts_with('\'')) return "texts stand in double quotation marks";
  const std::size_t before = offset == 0 ? std::string_view::npos : text.find_last_not_of(kBlank, offset - 1);
  const bool after_comma = before != std::string_view::npos && text[before] == ',';
  if (after_comma && (rest[0] == '}' || rest[0] == ']')) return "a comma before the closing bracket";
  if (rest[0] == '.' || rest[0] == '+') return "a number begins with a digit";
  if (const std::string_view constant = constant_mistake(rest); !constant.empty())
    return std::string(constant);
  if (reason.ends_with('.')) reason.remove_suffix(1);
  std::string own(reason);
  if (!own.empty()) own[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(own[0])));
  return own;
}

}  // namespace graphrun::core
