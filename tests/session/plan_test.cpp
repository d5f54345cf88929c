#include <boost/test/unit_test.hpp>

#include "runtime/core/random.h"
#include "runtime/session/plan.h"

using namespace graphrun;

namespace {

std::vector<session::PlanItem> random_items(std::uint32_t seed, int count) {
  core::Random random(seed, core::RandomPurpose::test);
  std::vector<session::PlanItem> items;
  for (int i = 0; i < count; ++i) {
    const auto first = static_cast<std::int32_t>(random.next_below(200));
    items.push_back(
        {random.next_below(5000), first, first + static_cast<std::int32_t>(random.next_below(30))});
  }
  return items;
}

std::int64_t max_live_bytes(const std::vector<session::PlanItem>& items) {
  std::int64_t most = 0;
  for (std::int32_t step = 0; step < 240; ++step) {
    std::int64_t live = 0;
    for (const session::PlanItem& item : items) {
      if (item.first <= step && step <= item.last) live += (item.bytes + 63) / 64 * 64;
    }
    most = std::max(most, live);
  }
  return most;
}

}  // namespace

BOOST_AUTO_TEST_CASE(plans_of_random_lives_hold_and_are_close_to_the_least_possible) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    const std::vector<session::PlanItem> items = random_items(seed, 300);
    const auto plan = session::plan_memory(items);
    BOOST_REQUIRE(plan.ok());
    const Status verified = session::verify_plan(items, *plan);
    BOOST_CHECK_MESSAGE(verified.ok(), (verified.ok() ? "" : verified.message()));
    BOOST_CHECK_LE(plan->bytes, max_live_bytes(items) * 5 / 4);
  }
}

BOOST_AUTO_TEST_CASE(items_that_never_live_together_share_memory) {
  const std::vector<session::PlanItem> items{{1000, 0, 1}, {1000, 2, 3}, {1000, 4, 4}};
  const auto plan = session::plan_memory(items);
  BOOST_REQUIRE(plan.ok());
  BOOST_CHECK_EQUAL(plan->bytes, 1024);
}

BOOST_AUTO_TEST_CASE(the_verifier_sees_what_a_planner_must_not_do) {
  const std::vector<session::PlanItem> items{{100, 0, 2}, {100, 1, 3}};
  BOOST_CHECK(session::verify_plan(items, {{0, 128}, 256}).ok());
  BOOST_CHECK(!session::verify_plan(items, {{0, 64}, 256}).ok());    // share bytes while both live
  BOOST_CHECK(!session::verify_plan(items, {{128, 64}, 256}).ok());  // the same from the other side
  BOOST_CHECK(!session::verify_plan(items, {{0, 100}, 256}).ok());   // not aligned
  BOOST_CHECK(!session::verify_plan(items, {{0, 192}, 256}).ok());   // leaves the arena
  BOOST_CHECK(!session::verify_plan(items, {{-64, 128}, 256}).ok());
  BOOST_CHECK(!session::verify_plan(items, {{0}, 256}).ok());  // no offset for the second
}

BOOST_AUTO_TEST_CASE(impossible_sizes_are_refused) {
  const std::vector<session::PlanItem> items{{std::int64_t{1} << 60, 0, 1}};
  const auto plan = session::plan_memory(items);
  BOOST_REQUIRE(!plan.ok());
  BOOST_CHECK(plan.status().code() == ErrorCode::out_of_memory);
}
