#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "tests/structure/tree.h"

// No function is longer than a page, but for tables and switches that are longer because there is more in
// them. It is seen by the layout that clang-format gives: what begins at some indentation ends with a brace
// at the same.
namespace {

using graphrun::test::TextFile;

constexpr std::size_t kMaxLines = 60;

struct Function {
  std::string name;
  std::size_t line = 0;   // of the file, from 1
  std::size_t lines = 0;  // from its first line to its closing brace
};

// Tables and switches, by file and name.
const std::map<std::string, std::string> kAllowed{
    {"ops/cross_entropy/definition.cpp", "definitions"},
    {"runtime/weights/pickle.cpp", "step"},
    {"tests/model/sample_model.cpp", "sample_model"},
    {"tests/structure/include_rule_test.cpp", "rooms"},
};

// "Result<int> Machine::step(" → "Machine::step"
std::string name_of(const std::string& opening) {
  const std::size_t end = opening.find('(');
  const std::size_t begin = opening.find_last_of(" *&", end == std::string::npos ? end : end - 1);
  if (end == std::string::npos) return opening;
  // The name of a test case stands in the parentheses.
  if (opening.starts_with("BOOST_"))
    return opening.substr(end + 1, opening.find_first_of("),", end) - end - 1);
  return opening.substr(begin == std::string::npos ? 0 : begin + 1,
                        end - (begin == std::string::npos ? 0 : begin + 1));
}

class Scan {
 public:
  explicit Scan(const TextFile& file) : lines_(file.lines) { scope(0, lines_.size(), 0); }
  std::vector<Function> functions;

 private:
  const std::vector<std::string>& lines_;

  // A line that is indented so far and no further; its text from there on.
  static bool stands_at(const std::string& line, std::size_t indent) {
    return line.size() > indent && line.find_first_not_of(' ') == indent;
  }

  // Declarations between two lines. Classes are scopes of their own; what is in namespaces is not indented.
  void scope(std::size_t begin, std::size_t end, std::size_t indent) {
    std::size_t first = end;  // of the declaration that is being read; `end`: none
    for (std::size_t at = begin; at < end; ++at) {
      const std::string& line = lines_[at];
      const bool here = stands_at(line, indent);
      const std::string text = here ? line.substr(indent) : line;
      if (line.empty() || line.find_first_not_of(' ') < indent || text.starts_with("//") ||
          text.starts_with("#") || text.starts_with("namespace") || text.starts_with("extern \"C\"") ||
          text.starts_with("}")) {
        first = end;
        continue;
      }
      if (here && first == end) first = at;
      if (line.ends_with(";") || line.ends_with("}")) first = end;
      if (first == end || !line.ends_with("{")) continue;
      at = block(first, at, end, indent);
      first = end;
    }
  }

  // What was opened at the end of line `open`; the line that closes it.
  std::size_t block(std::size_t first, std::size_t open, std::size_t end, std::size_t indent) {
    for (std::size_t at = open + 1; at < end; ++at) {
      const std::string& line = lines_[at];
      if (!stands_at(line, indent) || line[indent] != '}' || line.ends_with("{")) continue;
      const std::string closing = line.substr(indent);
      if (closing == "};") scope(open + 1, at, indent + 2);
      if (closing == "}" || closing.starts_with("}  //"))
        functions.push_back({name_of(lines_[first].substr(indent)), first + 1, at - first + 1});
      return at;
    }
    return end;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(no_function_is_longer_than_60_lines) {
  std::size_t seen = 0;
  std::map<std::string, std::string> not_long = kAllowed;
  for (const TextFile& file : graphrun::test::sources()) {
    for (const Function& function : Scan(file).functions) {
      ++seen;
      if (function.lines <= kMaxLines) continue;
      const auto allowed = kAllowed.find(file.path);
      const bool is_allowed = allowed != kAllowed.end() && allowed->second == function.name;
      if (is_allowed) not_long.erase(file.path);
      BOOST_CHECK_MESSAGE(is_allowed, file.path << ":" << function.line << ": " << function.name << " has "
                                                << function.lines << " lines");
    }
  }
  for (const auto& [path, name] : not_long)
    BOOST_CHECK_MESSAGE(false, path << ": " << name << " need not be allowed");
  BOOST_TEST(seen > 5000u);
}
