#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/structure/tree.h"

// Documents point to what is there, and the map names every folder.
namespace {

namespace fs = std::filesystem;
namespace test = graphrun::test;
using test::kSource;
using test::TextFile;

// The lines of a document outside its blocks of code.
std::vector<std::string> prose(const TextFile& document) {
  std::vector<std::string> lines;
  bool in_code = false;
  for (const std::string& line : document.lines) {
    if (line.starts_with("```")) in_code = !in_code;
    if (!in_code) lines.push_back(line);
  }
  return lines;
}

// What a heading is called in a link, by GitHub's rule: small letters, without punctuation, "-" for a space.
std::string anchor_of(const std::string& heading) {
  std::string anchor;
  for (const char c : heading) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ') anchor += '-';
    if (std::isalnum(byte) != 0 || byte > 127 || c == '-' || c == '_')
      anchor += static_cast<char>(std::tolower(byte));
  }
  return anchor;
}

std::set<std::string> anchors(const TextFile& document) {
  std::set<std::string> found;
  std::map<std::string, int> times;
  for (const std::string& line : prose(document)) {
    const std::size_t text = line.find_first_not_of('#');
    if (text == 0 || text == std::string::npos || line[text] != ' ') continue;
    const std::string anchor = anchor_of(line.substr(text + 1));
    const int before = times[anchor]++;
    found.insert(before == 0 ? anchor : anchor + "-" + std::to_string(before));
  }
  return found;
}

// What is wrong with a link of a document; empty: nothing.
std::string problem(const TextFile& document, const std::string& link) {
  static const std::map<std::string, std::set<std::string>> kAnchors = [] {
    std::map<std::string, std::set<std::string>> by_path;
    for (const TextFile& file : test::documents()) by_path[file.path] = anchors(file);
    return by_path;
  }();
  if (link.find("://") != std::string::npos) return {};
  const std::size_t hash = link.find('#');
  const std::string path = link.substr(0, hash);
  const fs::path target = path.empty() ? fs::path(document.path)
                                       : (fs::path(document.path).parent_path() / path).lexically_normal();
  if (!fs::exists(kSource / target)) return "there is no " + target.string();
  if (hash == std::string::npos) return {};
  const auto headings = kAnchors.find(target.string());
  if (headings != kAnchors.end() && headings->second.contains(link.substr(hash + 1))) return {};
  return target.string() + " has no heading of the anchor " + link.substr(hash);
}

}  // namespace

BOOST_AUTO_TEST_CASE(links_of_documents_lead_somewhere) {
  static const std::regex kLink(R"(\]\(([^)\s]+)\))");
  std::size_t seen = 0;
  for (const TextFile& document : test::documents()) {
    for (const std::string& line : prose(document)) {
      for (std::sregex_iterator at(line.begin(), line.end(), kLink), end; at != end; ++at, ++seen) {
        const std::string wrong = problem(document, (*at)[1]);
        BOOST_CHECK_MESSAGE(wrong.empty(), document.path << ": " << (*at)[0] << ": " << wrong);
      }
    }
  }
  BOOST_TEST(seen > 100u);
}

// A name in capitals, such as fuzz_TARGET.cpp, stands for others.
BOOST_AUTO_TEST_CASE(files_that_comments_name_exist) {
  static const std::regex kFile(
      R"(\b((include/graphrun|runtime|ops|compiler|datasets|training|exchange|api|tools|tests)/[\w/]+\.(h|cpp|cuh?|py|sh|json))\b)");
  std::size_t seen = 0;
  for (const TextFile& file : test::sources()) {
    for (const std::string& line : file.lines) {
      const std::size_t comment = line.find("// ");
      if (comment == std::string::npos) continue;
      for (std::sregex_iterator at(line.begin() + static_cast<std::ptrdiff_t>(comment), line.end(), kFile),
           end;
           at != end; ++at, ++seen) {
        const std::string path = (*at)[1];
        const bool is_pattern =
            std::ranges::any_of(path, [](unsigned char c) { return std::isupper(c) != 0; });
        BOOST_CHECK_MESSAGE(is_pattern || fs::exists(kSource / path), file.path << " names " << path);
      }
    }
  }
  BOOST_TEST(seen > 10u);
}

// A folder is named by its path in `quotes`, by one below it, by `above/<...>`, or by `name/` in the row of
// the folder above.
BOOST_AUTO_TEST_CASE(the_map_names_every_folder) {
  const auto map = std::ranges::find(test::documents(), "doc/map.md", &TextFile::path);
  BOOST_REQUIRE(map != test::documents().end());
  const auto names = [&](const std::string& row, const std::string& text) {
    return std::ranges::any_of(map->lines, [&](const std::string& line) {
      return line.starts_with(row) && line.find(text) != std::string::npos;
    });
  };
  for (const std::string& folder : test::folders()) {
    const std::size_t slash = folder.find('/');
    const std::string above = folder.substr(0, slash);
    const bool named =
        names("|", "`" + folder + "`") || names("|", "`" + folder + "/") || names("|", "`" + above + "/<") ||
        (slash != std::string::npos && names("| `" + above + "`", "`" + folder.substr(slash + 1) + "/`"));
    BOOST_CHECK_MESSAGE(named, "doc/map.md has no word of " << folder);
  }
}
