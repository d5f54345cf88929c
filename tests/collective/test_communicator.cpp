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
  Job() { ranks = join_job(30); }
  ~Job() { ranks.reset(); }
  static inline std::unique_ptr<collective::Communicator> ranks;
};
BOOST_TEST_GLOBAL_FIXTURE(Job);

collective::Communicator& ranks() { return *Job::ranks; }
int sum_of_ranks() { return ranks().size() * (ranks().size() - 1) / 2; }

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
    const auto expected = static_cast<double>(i % 50 * ranks().size() + sum_of_ranks());
    wrong += static_cast<double>(values[static_cast<std::size_t>(i)]) != expected ? 1 : 0;
  }
  BOOST_TEST(wrong == 0, what);
}

template <class T>
void check_type(const std::string& type) {
  std::vector<T> values = values_of<T>(ranks().rank());
  require(collective::all_reduce<T>(ranks(), values));
  check_sums(values, "sum of " + type);

  values = values_of<T>(ranks().rank());
  const int root = ranks().size() - 1;
  require(ranks().wait(require(ranks().reduce(values.data(), kCount, dtype_of<T>::value, root))));
  if (ranks().rank() == root) check_sums(values, "reduced " + type);

  if constexpr (!std::is_same_v<T, BFloat16>) {
    values = values_of<T>(ranks().rank());
    require(collective::all_reduce<T>(ranks(), values, collective::Combine::max));
    BOOST_TEST((values == values_of<T>(ranks().size() - 1)), "maximum of " + type);
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(numbers_of_every_type_are_combined) {
  check_type<float>("f32");
  check_type<double>("f64");
  check_type<std::int32_t>("i32");
  check_type<std::int64_t>("i64");
  check_type<BFloat16>("bf16");
  if (ranks().size() == 1) return;
  std::vector<BFloat16> values(2);
  const Status refused = collective::all_reduce<BFloat16>(ranks(), values, collective::Combine::max);
  BOOST_TEST((!refused.ok() && refused.message().find("bf16") != std::string::npos));
  BOOST_TEST(!collective::all_reduce(ranks(), values.data(), 2, DType::u8).ok());
}

BOOST_AUTO_TEST_CASE(nothing_is_a_number_of_elements_too) {
  require(collective::all_reduce(ranks(), nullptr, 0, DType::f32));
  require(collective::broadcast(ranks(), nullptr, 0));
}

BOOST_AUTO_TEST_CASE(sums_are_the_same_bits_on_every_rank) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < kCount; ++i)
    values.push_back(1.0f / static_cast<float>(i * 7 % 1013 + ranks().rank() * 31 + 1));
  require(collective::all_reduce<float>(ranks(), values));
  std::vector<float> first = values;
  require(collective::broadcast(ranks(), first.data(), kCount * std::int64_t{sizeof(float)}));
  BOOST_TEST((values == first));
}

BOOST_AUTO_TEST_CASE(any_rank_can_give_its_bytes_to_all) {
  for (int root = 0; root < ranks().size(); ++root) {
    std::vector<std::int32_t> values = values_of<std::int32_t>(ranks().rank());
    require(collective::broadcast(ranks(), values.data(), kCount * 4, root));
    BOOST_TEST((values == values_of<std::int32_t>(root)));
  }
}

BOOST_AUTO_TEST_CASE(parts_may_be_uneven_and_empty) {
  // Rank 1 has nothing, the others 3, 5, 6, ... bytes.
  std::vector<std::int64_t> bytes;
  std::string expected;
  for (int rank = 0; rank < ranks().size(); ++rank) {
    bytes.push_back(rank == 1 ? 0 : rank + 3);
    expected += std::string(static_cast<std::size_t>(bytes.back()), static_cast<char>('a' + rank));
  }
  std::string data(expected.size(), '?');
  const auto own = std::reduce(bytes.begin(), bytes.begin() + ranks().rank());
  const auto self = static_cast<std::size_t>(ranks().rank());
  std::fill_n(data.begin() + own, bytes[self], static_cast<char>('a' + ranks().rank()));
  require(ranks().wait(require(ranks().all_gather(data.data(), bytes))));
  BOOST_TEST(data == expected);
  if (ranks().size() > 1) BOOST_TEST(!ranks().all_gather(data.data(), std::span(bytes).first(1)).ok());

  const std::string text(self * 2, static_cast<char>('0' + ranks().rank()));
  const std::vector<std::string> texts = require(collective::all_gather_text(ranks(), text));
  BOOST_TEST_REQUIRE(texts.size() == bytes.size());
  for (std::size_t rank = 0; rank < texts.size(); ++rank)
    BOOST_TEST(texts[rank] == std::string(rank * 2, static_cast<char>('0' + rank)));
}

BOOST_AUTO_TEST_CASE(operations_run_side_by_side_and_end_in_any_order) {
  constexpr std::size_t kOperations = 8;
  std::vector<std::vector<float>> values(kOperations);
  std::vector<collective::Communicator::Ticket> tickets;
  for (std::vector<float>& one : values) {
    one = values_of<float>(ranks().rank());
    tickets.push_back(require(ranks().all_reduce(one.data(), kCount, DType::f32, collective::Combine::sum)));
    require(ranks().progress());
  }
  std::ranges::reverse(tickets);
  for (const collective::Communicator::Ticket ticket : tickets) require(ranks().wait(ticket));
  for (const std::vector<float>& one : values) check_sums(one, "one of several");
}

BOOST_AUTO_TEST_CASE(groups_exchange_among_themselves) {
  const int group = ranks().rank() % 2;
  const std::unique_ptr<collective::Communicator> part = require(ranks().split(group));
  BOOST_TEST(part->size() == (ranks().size() + 1 - group) / 2);
  BOOST_TEST(part->rank() == ranks().rank() / 2);
  std::vector<std::int64_t> sum{ranks().rank()};
  require(collective::all_reduce<std::int64_t>(*part, sum));
  std::int64_t expected = 0;
  for (int rank = group; rank < ranks().size(); rank += 2) expected += rank;
  BOOST_TEST(sum[0] == expected);
}

BOOST_AUTO_TEST_CASE(ranks_know_where_they_are) {
  require(collective::barrier(ranks()));
  const collective::LocalRank local = collective::local_rank(ranks());
  BOOST_TEST(local.count == ranks().size());
  BOOST_TEST(local.index == ranks().rank());
  BOOST_TEST(ranks().describe(0).starts_with("rank 0 on "), ranks().describe(0));
  BOOST_TEST(ranks().describe(0).size() > std::string("rank 0 on ").size());
}
