#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <memory>
#include <numeric>

#include "tests/collective/job.h"

// Every rank runs the same cases in the same order.
using namespace graphrun;
using graphrun::test::join_job;
using graphrun::test::require;

namespace {

struct Job {
  Job() { comm = join_job(30); }
  ~Job() { comm.reset(); }
  static inline std::unique_ptr<collective::Communicator> comm;
};
BOOST_TEST_GLOBAL_FIXTURE(Job);

collective::Communicator& comm() { return *Job::comm; }
int sum_of_ranks() { return comm().size() * (comm().size() - 1) / 2; }

// More than one message of any transport, and no multiple of anything.
constexpr std::int64_t kCount = 100003;

// values[i] = i % 100 + rank; sums stay small integers, which every type holds.
template <class T>
std::vector<T> values_of(int rank) {
  std::vector<T> values;
  for (std::int64_t i = 0; i < kCount; ++i) {
    if constexpr (std::is_same_v<T, BFloat16>) {
      values.push_back(BFloat16(static_cast<float>(i % 50 + rank)));
    } else {
      values.push_back(static_cast<T>(i % 50 + rank));
    }
  }
  return values;
}

template <class T>
void check_sums(const std::vector<T>& values, const std::string& what) {
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < kCount; ++i) {
    const auto expected = static_cast<double>(i % 50 * comm().size() + sum_of_ranks());
    wrong += static_cast<double>(values[static_cast<std::size_t>(i)]) != expected ? 1 : 0;
  }
  BOOST_TEST(wrong == 0, what);
}

template <class T>
void check_type(const std::string& type) {
  std::vector<T> values = values_of<T>(comm().rank());
  require(collective::all_reduce<T>(comm(), values));
  check_sums(values, "sum of " + type);

  values = values_of<T>(comm().rank());
  const int root = comm().size() - 1;
  require(comm().wait(require(comm().reduce(values.data(), kCount, dtype_of<T>::value, root))));
  if (comm().rank() == root) check_sums(values, "reduced " + type);

  if constexpr (!std::is_same_v<T, BFloat16>) {
    values = values_of<T>(comm().rank());
    require(collective::all_reduce<T>(comm(), values, collective::ReduceOp::max));
    BOOST_TEST((values == values_of<T>(comm().size() - 1)), "maximum of " + type);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(numbers_of_every_type_are_combined) {
  check_type<float>("f32");
  check_type<double>("f64");
  check_type<std::int32_t>("i32");
  check_type<std::int64_t>("i64");
  check_type<BFloat16>("bf16");
  if (comm().size() == 1) return;
  std::vector<BFloat16> values(2);
  const Status refused = collective::all_reduce<BFloat16>(comm(), values, collective::ReduceOp::max);
  BOOST_TEST((!refused.ok() && refused.message().find("bf16") != std::string::npos));
  BOOST_TEST(!collective::all_reduce(comm(), values.data(), 2, DType::u8).ok());
}

BOOST_AUTO_TEST_CASE(nothing_is_a_number_of_elements_too) {
  require(collective::all_reduce(comm(), nullptr, 0, DType::f32));
  require(collective::broadcast(comm(), nullptr, 0));
}

BOOST_AUTO_TEST_CASE(sums_are_the_same_bits_on_every_rank) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < kCount; ++i)
    values.push_back(1.0f / static_cast<float>(i * 7 % 1013 + comm().rank() * 31 + 1));
  require(collective::all_reduce<float>(comm(), values));
  std::vector<float> first = values;
  require(collective::broadcast(comm(), first.data(), kCount * std::int64_t{sizeof(float)}));
  BOOST_TEST((values == first));
}

BOOST_AUTO_TEST_CASE(any_rank_can_give_its_bytes_to_all) {
  for (int root = 0; root < comm().size(); ++root) {
    std::vector<std::int32_t> values = values_of<std::int32_t>(comm().rank());
    require(collective::broadcast(comm(), values.data(), kCount * 4, root));
    BOOST_TEST((values == values_of<std::int32_t>(root)));
  }
}

BOOST_AUTO_TEST_CASE(parts_may_be_uneven_and_empty) {
  // Rank 1 has nothing, the others 3, 5, 6, ... bytes.
  std::vector<std::int64_t> bytes;
  std::string expected;
  for (int rank = 0; rank < comm().size(); ++rank) {
    bytes.push_back(rank == 1 ? 0 : rank + 3);
    expected += std::string(static_cast<std::size_t>(bytes.back()), static_cast<char>('a' + rank));
  }
  std::string data(expected.size(), '?');
  const auto own = std::reduce(bytes.begin(), bytes.begin() + comm().rank());
  const auto self = static_cast<std::size_t>(comm().rank());
  std::fill_n(data.begin() + own, bytes[self], static_cast<char>('a' + comm().rank()));
  require(comm().wait(require(comm().all_gather(data.data(), bytes))));
  BOOST_TEST(data == expected);
  if (comm().size() > 1) BOOST_TEST(!comm().all_gather(data.data(), std::span(bytes).first(1)).ok());

  const std::string text(self * 2, static_cast<char>('0' + comm().rank()));
  const std::vector<std::string> texts = require(collective::all_gather_text(comm(), text));
  BOOST_TEST_REQUIRE(texts.size() == bytes.size());
  for (std::size_t rank = 0; rank < texts.size(); ++rank)
    BOOST_TEST(texts[rank] == std::string(rank * 2, static_cast<char>('0' + rank)));
}

BOOST_AUTO_TEST_CASE(operations_run_side_by_side_and_end_in_any_order) {
  constexpr std::size_t kOperations = 8;
  std::vector<std::vector<float>> values(kOperations);
  std::vector<collective::Communicator::Ticket> tickets;
  for (std::vector<float>& one : values) {
    one = values_of<float>(comm().rank());
    tickets.push_back(require(comm().all_reduce(one.data(), kCount, DType::f32, collective::ReduceOp::sum)));
    require(comm().progress());
  }
  std::ranges::reverse(tickets);
  for (const collective::Communicator::Ticket ticket : tickets) require(comm().wait(ticket));
  for (const std::vector<float>& one : values) check_sums(one, "one of several");
}

BOOST_AUTO_TEST_CASE(groups_exchange_among_themselves) {
  const int group = comm().rank() % 2;
  const std::unique_ptr<collective::Communicator> part = require(comm().split(group));
  BOOST_TEST(part->size() == (comm().size() + 1 - group) / 2);
  BOOST_TEST(part->rank() == comm().rank() / 2);
  std::vector<std::int64_t> sum{comm().rank()};
  require(collective::all_reduce<std::int64_t>(*part, sum));
  std::int64_t expected = 0;
  for (int rank = group; rank < comm().size(); rank += 2) expected += rank;
  BOOST_TEST(sum[0] == expected);
}

BOOST_AUTO_TEST_CASE(ranks_know_where_they_are) {
  require(collective::barrier(comm()));
  const collective::LocalRank local = collective::local_rank(comm());
  BOOST_TEST(local.count == comm().size());
  BOOST_TEST(local.index == comm().rank());
  BOOST_TEST(comm().describe(0).starts_with("rank 0 on "), comm().describe(0));
  BOOST_TEST(comm().describe(0).size() > std::string("rank 0 on ").size());
}
