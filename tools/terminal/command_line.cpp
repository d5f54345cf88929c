#include "tools/terminal/command_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "graphrun/kernel/attributes.h"
#include "tools/terminal/output.h"

namespace graphrun::tools {
namespace {

constexpr int kWrongCommandLine = 2;

// The subcommand that was read last.
const CLI::App& innermost(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return *command;
}

// "--optin" → "--option", "trian" → "train"; empty where nothing is like it.
std::string nearest(const CLI::App& command, const std::string& word) {
  std::vector<std::string> known;
  if (word.starts_with("-")) {
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
  } else {
    for (const CLI::App* subcommand : command.get_subcommands({})) known.push_back(subcommand->get_name());
  }
  const std::string name = word.substr(0, word.find('='));
  // Letters that have changed places are one slip.
  for (const std::string& other : known) {
    if (std::ranges::is_permutation(name, other)) return other;
  }
  const std::vector<std::string_view> names(known.begin(), known.end());
  return nearest_name(name, names);
}

// The bytes that "1.5GB" says; nothing for what is no size.
std::optional<std::int64_t> bytes_of(std::string text) {
  constexpr std::array<std::pair<std::string_view, double>, 10> kUnits{{{"", 1},
                                                                        {"b", 1},
                                                                        {"kb", 1e3},
                                                                        {"mb", 1e6},
                                                                        {"gb", 1e9},
                                                                        {"tb", 1e12},
                                                                        {"kib", 1024.0},
                                                                        {"mib", 1048576.0},
                                                                        {"gib", 1073741824.0},
                                                                        {"tib", 1099511627776.0}}};
  constexpr double kMax = 1e18;
  std::erase(text, ' ');
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, text.data() + text.size());
  const auto found = std::ranges::find(kUnits, unit, &std::pair<std::string_view, double>::first);
  if (error != std::errc() || found == kUnits.end()) return std::nullopt;
  const double bytes = number * found->second;
  if (!(bytes >= 1 && bytes <= kMax)) return std::nullopt;
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

CLI::Validator size_in_bytes() {
  const auto convert = [](std::string& text) {
    const std::optional<std::int64_t> number = bytes_of(text);
    if (!number) return text + ": expected a size above 0, such as 8GB or 1500MB";
    text = std::to_string(*number);
    return std::string();
  };
  return {convert, "", "size"};
}

CLI::Validator whole_number(std::int64_t least) {
  const auto check = [least](std::string& text) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc() && stop == end && number >= least) return std::string();
    return text + ": expected a whole number from " + std::to_string(least) + " on";
  };
  return {check, "", "whole number"};
}

int end_of_parsing(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream err;
  constexpr std::size_t kTextColumn = 30;  // of the descriptions in a help text
  if (app.exit(error, out, err) == 0) {
    write_result(wrapped(out.str(), kColumns, kTextColumn));
    return 0;
  }
  const CLI::App& command = innermost(app);
  std::string text = error.what();
  for (const std::string& word : app.remaining(true)) {
    const std::string near = nearest(command, word);
    const bool lacks_command = !word.starts_with("-") && command.get_require_subcommand_min() > 0;
    if (!near.empty())
      text.append(": did you mean \"").append(near).append("\" by \"").append(word).append("\"?");
    if (near.empty() && lacks_command) text.append(": there is none called \"").append(word).append("\"");
    if (!near.empty() || lacks_command) break;
  }
  say("{}", text);
  say("Run with --help for more information.");
  return kWrongCommandLine;
}

void let_last_win(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_positional() || option->get_expected_max() > 1 || option->get_type_size_max() != 1)
      continue;
    option->take_last();
  }
  for (CLI::App* command : app.get_subcommands({})) let_last_win(*command);
}

void hide(CLI::App& command, std::initializer_list<const char*> options) {
  for (const char* option : options) command.get_option(option)->group("");
}

}  // namespace graphrun::tools
