#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "ops/registry.h"
#include "tools/opdoc/op_reference.h"
#include "tools/opdoc/op_schema.h"

namespace {

void check_file(const std::string& name, const std::string& text, const std::string& command) {
  std::ifstream file(GRAPHRUN_SOURCE_DIR "/" + name);
  std::istringstream reference(text);
  std::string expected;
  for (int line = 1; std::getline(reference, expected); ++line) {
    std::string actual;
    std::getline(file, actual);
    BOOST_REQUIRE_MESSAGE(actual == expected,
                          name << ", line " << line << ": \"" << actual << "\" should be \"" << expected
                               << "\"; write the file anew: " << command << " > " << name);
  }
  BOOST_TEST(!std::getline(file, expected), name << " goes on where the reference ends");
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_op_reference_is_up_to_date) {
  check_file("doc/ops.md", graphrun::tools::op_reference(graphrun::ops::op_registry()), "opdoc");
}

BOOST_AUTO_TEST_CASE(the_schema_of_ops_is_up_to_date) {
  check_file("graphs/ops.schema.json", graphrun::tools::op_schema(graphrun::ops::op_registry()),
             "opdoc --schema");
}
