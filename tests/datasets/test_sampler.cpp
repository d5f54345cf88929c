#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "datasets/sampler.h"

using namespace graphrun;

namespace {

datasets::Sampler make(const datasets::SamplerSettings& settings) {
  auto sampler = datasets::Sampler::make(settings);
  BOOST_REQUIRE(sampler.ok());
  return *sampler;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_epoch_visits_each_sample_once_in_a_new_order) {
  const datasets::Sampler sampler = make({.samples = 103, .batch_size = 10, .seed = 5});
  BOOST_TEST(sampler.iterations_per_epoch() == 10);
  const auto first = sampler.order(0);
  BOOST_TEST(std::set<std::int64_t>(first.begin(), first.end()).size() == 103);
  BOOST_TEST(first == sampler.order(0));
  BOOST_TEST(first != sampler.order(1));
  BOOST_TEST(first != make({.samples = 103, .batch_size = 10, .seed = 6}).order(0));
  BOOST_TEST(!std::is_sorted(first.begin(), first.end()));
}

BOOST_AUTO_TEST_CASE(without_shuffle_the_list_order_stays) {
  const auto order = make({.samples = 7, .batch_size = 2, .shuffle = false}).order(3);
  BOOST_TEST(std::is_sorted(order.begin(), order.end()));
}

BOOST_AUTO_TEST_CASE(ranks_share_the_same_global_batch) {
  const datasets::Sampler whole = make({.samples = 100, .batch_size = 8, .seed = 1});
  const auto order = whole.order(2);
  const auto batch = whole.batch(order, 11);
  for (const int ranks : {1, 2, 4, 8}) {
    std::vector<std::int64_t> joined;
    for (int rank = 0; rank < ranks; ++rank) {
      const datasets::Sampler part =
          make({.samples = 100, .batch_size = 8, .rank = rank, .ranks = ranks, .seed = 1});
      BOOST_TEST(part.order(2) == order);
      const auto share = part.batch(order, 11);
      BOOST_TEST(static_cast<int>(share.size()) == 8 / ranks);
      joined.insert(joined.end(), share.begin(), share.end());
    }
    BOOST_TEST(std::equal(joined.begin(), joined.end(), batch.begin(), batch.end()));
  }
}

BOOST_AUTO_TEST_CASE(a_shuffle_is_close_to_uniform) {
  const datasets::Sampler sampler = make({.samples = 5, .batch_size = 1, .seed = 9});
  int counts[5][5] = {};
  for (std::int64_t epoch = 0; epoch < 5000; ++epoch) {
    const auto order = sampler.order(epoch);
    for (std::size_t i = 0; i < 5; ++i) ++counts[i][order[i]];
  }
  for (const auto& row : counts) {
    for (const int count : row) BOOST_TEST((count > 880 && count < 1120));
  }
}

BOOST_AUTO_TEST_CASE(batches_that_cannot_be_made_are_refused) {
  BOOST_TEST(!datasets::Sampler::make({.samples = 3, .batch_size = 4}).ok());
  BOOST_TEST(!datasets::Sampler::make({.samples = 30, .batch_size = 3, .ranks = 2}).ok());
  BOOST_TEST(!datasets::Sampler::make({.samples = 30, .batch_size = 0}).ok());
  BOOST_TEST(!datasets::Sampler::make({.samples = 30, .batch_size = 4, .rank = 2, .ranks = 2}).ok());
}
