#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/structure/tree.h"

// A folder's namespace: what stands in a file is found where its name says.
namespace {

namespace test = graphrun::test;

// The row with the longest name that a path begins with. "*" is the folder below.
const std::map<std::string, std::string>& namespaces() {
  static const std::map<std::string, std::string> table{
      {"include", "graphrun"},
      {"api", "graphrun"},
      {"runtime", "graphrun::*"},
      {"ops", "graphrun::ops::*"},
      {"ops/common", "graphrun::ops"},
      {"compiler", "graphrun::compiler"},
      {"datasets", "graphrun::datasets"},
      {"training", "graphrun::training"},
      {"exchange", "graphrun::exchange::*"},
      {"tools", "graphrun::tools"},
  };
  return table;
}

// The namespace of a file; none where files may choose (tests, examples).
std::optional<std::string> namespace_of(const std::string& path) {
  std::string row;
  for (const auto& [folder, name] : namespaces()) {
    if (test::is_below(path, folder) && folder.size() > row.size()) row = folder;
  }
  if (row.empty()) return std::nullopt;
  std::string name = namespaces().at(row);
  if (!name.ends_with("::*")) return name;
  name.resize(name.size() - 3);
  const std::string rest = path.substr(row.size() + 1);
  const std::size_t slash = rest.find('/');
  return slash == std::string::npos ? name : name + "::" + rest.substr(0, slash);
}

// Whether the block that begins after a line only says that classes exist, or states a trait of them.
bool only_declares(const std::vector<std::string>& lines, std::size_t begin) {
  for (std::size_t at = begin; at < lines.size(); ++at) {
    const std::string_view line = lines[at];
    if (line.starts_with("}")) return true;
    const bool declares =
        (line.starts_with("class ") || line.starts_with("struct ") || line.starts_with("enum ")) &&
        line.ends_with(";");
    if (!line.empty() && !declares) return false;
  }
  return true;
}

// What a public header declares is defined in files of several rooms, which include it.
bool defines_public(const test::TextFile& file) {
  if (!file.path.ends_with(".cpp")) return false;
  return std::ranges::any_of(
      file.lines, [](const std::string& line) { return line.starts_with("#include \"graphrun/"); });
}

}  // namespace

BOOST_AUTO_TEST_CASE(namespaces_follow_the_folders) {
  std::size_t seen = 0;
  for (const test::TextFile& file : test::sources()) {
    const std::optional<std::string> expected = namespace_of(file.path);
    if (!expected) continue;
    for (std::size_t at = 0; at < file.lines.size(); ++at) {
      const std::string& line = file.lines[at];
      if (!line.starts_with("namespace graphrun") || !line.ends_with("{")) continue;
      const std::string name = line.substr(10, line.size() - 12);
      ++seen;
      const bool fits = name == *expected || name.starts_with(*expected + "::");
      const bool is_public = name == "graphrun" && defines_public(file);
      BOOST_CHECK_MESSAGE(
          fits || is_public || only_declares(file.lines, at + 1),
          file.path << ":" << at + 1 << ": namespace " << name << ", where " << *expected << " is expected");
    }
  }
  BOOST_TEST(seen > 500u);
}

// One name for one thing: two types of the same name and namespace in different headers would violate the
// one-definition rule as soon as a program has both.
BOOST_AUTO_TEST_CASE(no_two_headers_define_one_type) {
  static const std::regex kType(
      R"((?:struct|class|union|enum class|enum) (?:\w+\(\w+\) |GRAPHRUN_API )?(\w+(?:::\w+)*)[^;]*\{.*)");
  std::map<std::string, std::string> defined;  // by full name, where
  for (const test::TextFile& file : test::sources()) {
    if (!namespace_of(file.path) || !(file.path.ends_with(".h") || file.path.ends_with(".cuh"))) continue;
    std::string space;
    for (const std::string& line : file.lines) {
      if (line.starts_with("namespace ") && line.ends_with("{")) space = line.substr(10, line.size() - 12);
      std::smatch found;
      if (!std::regex_match(line, found, kType)) continue;
      const std::string name = space + "::" + found[1].str();
      const auto [first, is_new] = defined.emplace(name, file.path);
      BOOST_CHECK_MESSAGE(is_new || first->second == file.path,
                          name << " stands in " << first->second << " and in " << file.path);
    }
  }
  BOOST_TEST(defined.size() > 300u);
}
