#include <boost/test/tree/traverse.hpp>
#include <boost/test/tree/visitor.hpp>
#include <boost/test/unit_test.hpp>

#include "graphrun/kernel/op_def.h"
#include "tests/ops/harness.h"
#include "tests/skip.h"

// The last file of each room's test program: the harness has seen all ops of the room, GRAPHRUN_ROOM.
namespace graphrun::ops::GRAPHRUN_ROOM {
std::vector<const OpDef*> definitions();
}

namespace graphrun::test {
namespace {

// Finds cases that were left out by their names; those with a label may be.
struct LeftOut : boost::unit_test::test_tree_visitor {
  void visit(const boost::unit_test::test_case& test) override {
    any = any || (!test.is_enabled() && test.p_labels->empty());
  }
  bool any = false;
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_op_of_the_room_has_cases) {
  LeftOut left_out;
  boost::unit_test::traverse_test_tree(boost::unit_test::framework::master_test_suite(), left_out, true);
  if (left_out.any) return skip("only a run of all cases knows");
  for (const OpDef* def : ops::GRAPHRUN_ROOM::definitions())
    BOOST_TEST(checked_ops().contains(def->name), def->name << ": no case was checked");
}

}  // namespace graphrun::test
