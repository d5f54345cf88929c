#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "datasets/loader.h"
#include "datasets/shapes.h"
#include "tests/datasets/require.h"

using namespace graphrun;

namespace {

// Shapes whose loading takes a time that varies, and which can fail at one index.
class SlowShapes final : public datasets::Dataset {
 public:
  explicit SlowShapes(std::int64_t broken = -1) : broken_(broken) {}
  std::int64_t size() const override { return 20; }
  bool labelled() const override { return true; }
  std::string name(std::int64_t index) const override { return "sample " + std::to_string(index); }
  Result<imaging::Image> load_image(std::int64_t index) const override {
    std::this_thread::sleep_for(std::chrono::microseconds(index * 37 % 11 * 200));
    if (index == broken_) return Status(ErrorCode::invalid_file, "sample is broken");
    return datasets::make_shapes(1, index, 40, 50).image;
  }
  Result<imaging::LabelMap> load_label(std::int64_t index) const override {
    return datasets::make_shapes(1, index, 40, 50).label;
  }

 private:
  std::int64_t broken_;
};

datasets::AugmentSettings augment() {
  datasets::AugmentSettings settings;
  settings.train_h = 33;
  settings.train_w = 35;
  return settings;
}

std::unique_ptr<datasets::Loader> start(const datasets::Dataset& dataset,
                                        const datasets::SamplerSettings& sampling,
                                        const datasets::LoaderSettings& loading) {
  const datasets::Sampler sampler = test::require(datasets::Sampler::make(sampling));
  return test::require(datasets::Loader::start(dataset, sampler, augment(), loading));
}

struct Content {
  std::int64_t iteration, epoch;
  std::vector<std::int64_t> samples;
  std::vector<float> image;
  std::vector<std::int32_t> label;
  bool operator==(const Content&) const = default;
};

Content take(datasets::Loader& loader) {
  const datasets::Batch& b = *test::require(loader.next());
  const std::int64_t pixels = b.n * b.height * b.width;
  return {b.iteration, b.epoch, b.samples, {b.image, b.image + pixels * 3}, {b.label, b.label + pixels}};
}

std::vector<Content> take_all(const datasets::LoaderSettings& loading) {
  const SlowShapes dataset;
  const auto loader = start(dataset, {.samples = 20, .batch_size = 6, .seed = 4}, loading);
  std::vector<Content> batches;
  for (std::int64_t i = loading.first; i < loading.end; ++i) batches.push_back(take(*loader));
  BOOST_TEST(!loader->next().ok());
  return batches;
}

}  // namespace

BOOST_AUTO_TEST_CASE(batches_do_not_depend_on_workers_or_depth) {
  const auto one = take_all({.workers = 1, .depth = 2, .seed = 3, .first = 0, .end = 8});
  BOOST_TEST(one[0].iteration == 0);
  BOOST_TEST(one[7].epoch == 2);  // three iterations an epoch
  BOOST_TEST((one == take_all({.workers = 4, .depth = 5, .seed = 3, .first = 0, .end = 8})));
  BOOST_TEST(
      (one[0].image != take_all({.workers = 1, .depth = 2, .seed = 2, .first = 0, .end = 1})[0].image));
}

BOOST_AUTO_TEST_CASE(a_loader_can_start_at_any_iteration) {
  const auto all = take_all({.workers = 3, .depth = 3, .seed = 3, .first = 0, .end = 8});
  const auto tail = take_all({.workers = 3, .depth = 3, .seed = 3, .first = 5, .end = 8});
  BOOST_TEST(std::equal(tail.begin(), tail.end(), all.begin() + 5, all.end()));
}

BOOST_AUTO_TEST_CASE(ranks_make_parts_of_the_same_batch) {
  const SlowShapes dataset;
  const datasets::LoaderSettings loading{.workers = 2, .depth = 2, .seed = 3, .first = 0, .end = 2};
  const auto whole = start(dataset, {.samples = 20, .batch_size = 6, .seed = 4}, loading);
  const auto part =
      start(dataset, {.samples = 20, .batch_size = 6, .rank = 1, .ranks = 2, .seed = 4}, loading);
  const Content all = take(*whole);
  const Content half = take(*part);
  BOOST_TEST(std::equal(half.image.begin(), half.image.end(),
                        all.image.end() - static_cast<std::ptrdiff_t>(half.image.size())));
}

BOOST_AUTO_TEST_CASE(an_unreadable_sample_is_the_error_of_its_batch) {
  const SlowShapes dataset(7);
  const auto loader = start(dataset, {.samples = 20, .batch_size = 5, .shuffle = false},
                            {.workers = 3, .depth = 3, .end = 4});
  BOOST_TEST(loader->next().ok());
  for (int i = 0; i < 2; ++i) {
    const auto broken = loader->next();
    BOOST_REQUIRE(!broken.ok());
    BOOST_TEST(broken.status().message() == "sample is broken");
  }
}

BOOST_AUTO_TEST_CASE(a_loader_can_be_dropped_at_any_time) {
  const SlowShapes dataset;
  for (int taken = 0; taken < 4; ++taken) {
    const auto loader =
        start(dataset, {.samples = 20, .batch_size = 5}, {.workers = 4, .depth = 3, .end = 1000});
    for (int i = 0; i < taken; ++i) take(*loader);
  }
}
