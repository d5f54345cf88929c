#include "datasets/import/class_list.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

#include "runtime/core/file.h"

namespace graphrun::datasets {

namespace {

namespace fs = std::filesystem;

// Without comments (#) and empty lines.
Result<std::vector<std::string>> read_lines(const fs::path& file) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 20;
  GRAPHRUN_ASSIGN(const std::string text, core::read_file(file, kMaxBytes));
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  std::vector<std::string> lines;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
      line.remove_suffix(1);
    if (!line.empty() && line.front() != '#') lines.emplace_back(line);
  }
  if (lines.empty()) return Status(ErrorCode::invalid_file, file.string() + ": has no classes");
  return lines;
}

std::optional<std::uint8_t> byte_of(std::string_view word) {
  std::uint8_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// Empty for a line without three numbers.
std::optional<ClassInfo> class_of_line(std::string_view line) {
  ClassInfo info;
  std::vector<std::uint8_t> numbers;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t,;:"), line.size()));
    if (line.empty()) break;
    const std::string_view word = line.substr(0, line.find_first_of(" \t,;:"));
    line.remove_prefix(word.size());
    const auto number = byte_of(word);
    if (number && numbers.size() < 3) {
      numbers.push_back(*number);
    } else {
      info.name += (info.name.empty() ? "" : " ") + std::string(word);
    }
  }
  if (numbers.size() != 3 || info.name.empty()) return std::nullopt;
  info.color = {numbers[0], numbers[1], numbers[2]};
  return info;
}

}  // namespace

Result<std::vector<std::string>> read_class_names(const fs::path& file) { return read_lines(file); }

Result<std::vector<ClassInfo>> read_class_colors(const fs::path& file) {
  GRAPHRUN_ASSIGN(const std::vector<std::string> lines, read_lines(file));
  std::vector<ClassInfo> classes;
  for (const std::string& line : lines) {
    const auto info = class_of_line(line);
    if (info) {
      classes.push_back(*info);
    } else if (&line != &lines.front()) {
      return Status(
          ErrorCode::invalid_file,
          file.string() + ": expected a name, red, green and blue, found '" + line.substr(0, 60) + "'");
    }
  }
  if (classes.empty()) return Status(ErrorCode::invalid_file, file.string() + ": has no classes");
  return classes;
}

bool is_void_name(std::string_view name) {
  std::string small(name);
  std::ranges::transform(small, small.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const char* known : {"void", "unlabeled", "unlabelled", "ignore", "ignored", "__ignore__"}) {
    if (small == known) return true;
  }
  return false;
}

fs::path find_class_colors(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name :
       {"class_dict.csv", "label_colors.txt", "labelmap.txt", "classes.csv", "colors.txt"}) {
    if (fs::is_regular_file(folder / name, ignored)) return folder / name;
  }
  return {};
}

}  // namespace graphrun::datasets
