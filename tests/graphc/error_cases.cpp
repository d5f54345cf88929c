#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "compiler/compile.h"
#include "ops/registry.h"
#include "runtime/core/file.h"

// Every folder beside this file holds a graph that is wrong and, in expect.txt, what graphc says of it.
namespace {

namespace fs = std::filesystem;
using namespace graphrun;

const fs::path kCases = fs::path(GRAPHRUN_SOURCE_DIR) / "tests/graphc";

// Errors name files as they were given; the cases' expectations are relative to their folders.
std::string errors_of(const fs::path& folder) {
  std::string errors = compiler::compile(folder / "graph.json", {}, ops::op_registry()).errors;
  const std::string prefix = folder.string() + "/";
  for (std::size_t at = errors.find(prefix); at != std::string::npos; at = errors.find(prefix, at)) {
    errors.erase(at, prefix.size());
  }
  return errors;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_case_gives_its_errors) {
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(kCases)) {
    if (!entry.is_directory()) continue;
    ++cases;
    BOOST_TEST_CONTEXT(entry.path().filename().string()) {
      const Result<std::string> expected = core::read_file(entry.path() / "expect.txt", 1 << 20);
      BOOST_REQUIRE(expected.ok());
      BOOST_TEST(errors_of(entry.path()) == *expected);
    }
  }
  BOOST_TEST(cases >= 40);
}

BOOST_AUTO_TEST_CASE(a_missing_file_is_an_error) {
  const compiler::Compiled compiled = compiler::compile(kCases / "nowhere.json", {}, ops::op_registry());
  BOOST_TEST(!compiled.model);
  BOOST_TEST(compiled.errors.find("nowhere.json:1:1: error: ") != std::string::npos);
}
