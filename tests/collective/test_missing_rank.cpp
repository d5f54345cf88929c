#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "runtime/core/file.h"
#include "tests/collective/job.h"
#include "tests/datasets/scratch.h"

// Three ranks, one of which takes part when the others have given it up.
using namespace graphrun;
using graphrun::test::require;

namespace {

// Until what is waited for by the test itself must have come.
constexpr std::chrono::seconds kPatience{100};

template <class Condition>
void wait_until(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  BOOST_TEST_REQUIRE(condition());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_wait_that_takes_too_long_names_who_is_missing) {
  const std::unique_ptr<collective::Communicator> comm = test::join_job(1.5);
  BOOST_TEST_REQUIRE(comm->size() == 3);
  constexpr int kMissing = 1;
  const bool missing = comm->rank() == kMissing;
  const test::Scratch own;
  const std::filesystem::path folder =
      require(collective::all_gather_text(*comm, own.path().string()))[kMissing];

  std::int32_t one = 1;
  const auto has_given_up = [&folder](int rank) {
    return std::filesystem::exists(folder / std::to_string(rank));
  };
  if (missing) wait_until([&] { return has_given_up(0) && has_given_up(2); });
  const collective::Communicator::Ticket ticket =
      require(comm->all_reduce(&one, 1, DType::i32, collective::ReduceOp::sum));
  if (!missing) {
    const Status waited = comm->wait(ticket);
    require(core::write_file(folder / std::to_string(comm->rank()), "gave up"));
    BOOST_TEST_REQUIRE(!waited.ok());
    BOOST_TEST(waited.message().starts_with("no answer from " + comm->describe(kMissing) + ":"),
               waited.message());
  }
  // Not by waiting, which would hear that others have given up.
  wait_until([&] {
    require(comm->progress());
    return one == comm->size();
  });
  require(comm->wait(ticket));
}
