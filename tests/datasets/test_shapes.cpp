#include <boost/test/unit_test.hpp>

#include "datasets/shapes.h"

using namespace graphrun;

namespace {

const std::vector<std::filesystem::path> kFolders = {GRAPHRUN_SOURCE_DIR "/datasets"};

template <class T>
std::uint64_t digest(const std::vector<T>& bytes) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const T byte : bytes) hash = (hash ^ byte) * 1099511628211U;
  return hash;
}

}  // namespace

BOOST_AUTO_TEST_CASE(shapes_are_the_same_everywhere_and_for_ever) {
  const datasets::Sample sample = datasets::make_shapes(1, 0, 121, 121);
  BOOST_TEST(digest(sample.image.rgb) == 536218956477180765U);
  BOOST_TEST(digest(sample.label.ids) == 9615928313915043670U);
  BOOST_TEST(datasets::make_shapes(1, 0, 121, 121).image.rgb == sample.image.rgb);
  BOOST_TEST(datasets::make_shapes(1, 1, 121, 121).image.rgb != sample.image.rgb);
  BOOST_TEST(datasets::make_shapes(2, 0, 121, 121).image.rgb != sample.image.rgb);
}

BOOST_AUTO_TEST_CASE(every_class_of_shapes_occurs_often) {
  const auto descriptor = datasets::load_descriptor("shapes", kFolders);
  BOOST_REQUIRE(descriptor.ok());
  const auto dataset = datasets::open_dataset(*descriptor, "val", std::nullopt);
  BOOST_REQUIRE(dataset.ok());
  BOOST_TEST((*dataset)->size() == 100);
  BOOST_TEST((*dataset)->name(7) == "shapes_000007");
  std::vector<std::int64_t> counts(datasets::kShapesClasses);
  for (std::int64_t i = 0; i < 100; ++i) {
    const auto sample = (*dataset)->load(i);
    BOOST_REQUIRE(sample.ok());
    BOOST_REQUIRE((sample->image.height == 121 && sample->label.width == 121));
    for (const ClassId id : sample->label.ids) ++counts.at(id);
  }
  for (const std::int64_t count : counts) BOOST_TEST(count > 121 * 121);  // one image of the hundred
}
