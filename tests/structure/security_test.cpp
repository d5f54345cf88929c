#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include "tests/structure/tree.h"

namespace fs = std::filesystem;

namespace {

using graphrun::test::kSource;

std::string promises() {
  std::ostringstream text;
  text << std::ifstream(kSource / "SECURITY.md").rdbuf();
  const std::string all = text.str();
  const std::size_t begin = all.find("## What holds");
  const std::size_t end = all.find("## What does not");
  BOOST_REQUIRE(begin < end && end != std::string::npos);
  return all.substr(begin, end - begin);
}

bool is_test(const std::string& name) {
  constexpr std::array kEndings{"", ".cpp", ".sh"};
  return std::ranges::any_of(
      kEndings, [&](const char* ending) { return fs::exists(kSource / "tests" / (name + ending)); });
}

}  // namespace

// SECURITY.md promises nothing without naming what holds it: folder/name, a test below tests/.
BOOST_AUTO_TEST_CASE(every_promise_names_a_test_that_exists) {
  std::istringstream lines(promises());
  std::size_t promises_seen = 0;
  std::string promise;
  const auto check = [&] {
    if (promise.empty()) return;
    ++promises_seen;
    std::size_t tests = 0;
    for (std::size_t at = promise.find('`'); at != std::string::npos; at = promise.find('`', at + 1)) {
      const std::size_t end = promise.find('`', at + 1);
      BOOST_REQUIRE(end != std::string::npos);
      const std::string word = promise.substr(at + 1, end - at - 1);
      at = end;
      if (word.find('/') == std::string::npos) continue;
      ++tests;
      BOOST_TEST(is_test(word), word << " is no test");
    }
    BOOST_TEST(tests > 0, promise << " names no test");
    promise.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("- ")) check();
    if (line.starts_with("- ") || (!promise.empty() && line.starts_with("  "))) promise += line;
  }
  check();
  BOOST_TEST(promises_seen > 5u);
}

// RapidJSON's own numbers are of undefined behaviour (runtime/core/json_reader.h).
BOOST_AUTO_TEST_CASE(json_is_read_in_one_place) {
  const std::regex parses(R"(\.Parse(Stream|Insitu)?[<(])");
  for (const graphrun::test::TextFile& file : graphrun::test::sources()) {
    if (file.path.starts_with("tests/") || file.path == "runtime/core/json_reader.h") continue;
    for (const std::string& line : file.lines)
      BOOST_CHECK_MESSAGE(!std::regex_search(line, parses),
                          file.path << " calls RapidJSON, not core::read_json: " << line);
  }
}
