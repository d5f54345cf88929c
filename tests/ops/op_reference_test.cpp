#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "ops/registry.h"
#include "tools/opdoc/op_reference.h"

BOOST_AUTO_TEST_CASE(the_op_reference_is_up_to_date) {
  std::ifstream file(GRAPHRUN_SOURCE_DIR "/doc/ops.md");
  std::istringstream reference(graphrun::tools::op_reference(graphrun::ops::op_registry()));
  std::string expected;
  for (int line = 1; std::getline(reference, expected); ++line) {
    std::string actual;
    std::getline(file, actual);
    BOOST_REQUIRE_MESSAGE(actual == expected, "doc/ops.md, line "
                                                  << line << ": \"" << actual << "\" should be \"" << expected
                                                  << "\"; write the file anew: opdoc > doc/ops.md");
  }
  BOOST_TEST(!std::getline(file, expected), "doc/ops.md goes on where the reference ends");
}
