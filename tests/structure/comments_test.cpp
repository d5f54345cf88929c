#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <string_view>

#include "tests/structure/tree.h"

// A comment has a subject. These beginnings are those of comments that leave it to the reader.
namespace {

namespace test = graphrun::test;

constexpr std::array<std::string_view, 2> kWithoutSubject{"// Of ", "// The same "};

// The comment at the end of a line, or all of it; empty: there is none, or it goes on from the line above.
std::string_view comment_that_begins(std::string_view line, std::string_view above) {
  const std::size_t at = line.find("// ");
  const std::size_t before = above.find_first_not_of(' ');
  const bool goes_on = before != std::string_view::npos && above.substr(before).starts_with("//");
  const bool alone = at != std::string_view::npos && line.find_first_not_of(' ') == at;
  return at == std::string_view::npos || (alone && goes_on) ? std::string_view() : line.substr(at);
}

}  // namespace

BOOST_AUTO_TEST_CASE(comments_have_a_subject) {
  for (const test::TextFile& file : test::sources()) {
    if (test::is_below(file.path, "tests")) continue;
    std::string_view above;
    for (std::size_t at = 0; at < file.lines.size(); ++at) {
      const std::string_view comment = comment_that_begins(file.lines[at], above);
      for (const std::string_view words : kWithoutSubject)
        BOOST_CHECK_MESSAGE(!comment.starts_with(words), file.path << ":" << at + 1 << ": " << comment);
      above = file.lines[at];
    }
  }
}
