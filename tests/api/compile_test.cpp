#include "graphrun/compile.h"

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <iterator>

#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "tests/source_dir.h"

// The compiler as a program uses it that knows the public headers alone.
using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

const std::filesystem::path kSource = graphrun::test::source_dir();

Compilation compile_tiny(const CompileOptions& options) {
  return require(compile((kSource / "graphs/spnet_tiny.json").string(), options));
}

std::string content(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_graph_becomes_a_model_file) {
  const Compilation compiled = compile_tiny({.parameters = {{"classes", 7}, {"width", 8}}});
  BOOST_TEST_REQUIRE(compiled.diagnostics.empty());
  BOOST_TEST_REQUIRE(compiled.model.has_value());
  BOOST_TEST(compiled.parameters_fit);
  BOOST_TEST(compiled.model->name() == "spnet_tiny");
  const Scratch folder;
  require(compiled.model->write((folder / "tiny.fb").string()));
  const std::vector<std::byte> bytes = require(compiled.model->bytes());
  const std::string written = content(folder / "tiny.fb");
  BOOST_TEST_REQUIRE(written.size() == bytes.size());
  BOOST_TEST((std::memcmp(written.data(), bytes.data(), bytes.size()) == 0));
  BOOST_TEST(require(compiled.model->text()).find("conv2d") != std::string::npos);
  const Status refused = compiled.model->write((folder / "missing/tiny.fb").string());
  BOOST_TEST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.message().find("missing/tiny.fb") != std::string::npos, refused.message());
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_graph_is_told_with_its_place) {
  const std::string path = (kSource / "tests/graphc/misspelt_op/graph.json").string();
  const Compilation compiled = require(compile(path));
  BOOST_TEST(!compiled.model.has_value());
  BOOST_TEST(compiled.parameters_fit);
  BOOST_TEST_REQUIRE(compiled.diagnostics.size() == 1u);
  const Diagnostic& error = compiled.diagnostics[0];
  BOOST_TEST(error.line == 5u);
  BOOST_TEST(error.column == 12u);
  BOOST_TEST(error.message == "op \"conv2\" is in no op library that was given; did you mean \"conv2d\"?");
  BOOST_TEST(to_string(error) == error.file + ":5:12: error: " + error.message);
}

BOOST_AUTO_TEST_CASE(all_independent_errors_are_told) {
  const Compilation compiled =
      require(compile((kSource / "tests/graphc/several_errors/graph.json").string()));
  BOOST_TEST(compiled.diagnostics.size() > 1u);
  for (std::size_t i = 1; i < compiled.diagnostics.size(); ++i)
    BOOST_TEST(compiled.diagnostics[i - 1].line <= compiled.diagnostics[i].line);
}

BOOST_AUTO_TEST_CASE(wrong_parameters_and_files_are_told_apart) {
  const Compilation misspelt = compile_tiny({.parameters = {{"clases", 7}}});
  BOOST_TEST(!misspelt.parameters_fit);
  BOOST_TEST_REQUIRE(misspelt.diagnostics.size() == 1u);
  BOOST_TEST(misspelt.diagnostics[0].message.find("classes") != std::string::npos,
             misspelt.diagnostics[0].message);
  const Compilation absent = require(compile("no/such/graph.json"));
  BOOST_TEST(!absent.model.has_value());
  BOOST_TEST_REQUIRE(absent.diagnostics.size() == 1u);
  BOOST_TEST(to_string(absent.diagnostics[0]).find("no/such/graph.json") != std::string::npos);
}
