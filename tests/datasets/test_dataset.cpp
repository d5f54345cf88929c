#include <boost/test/unit_test.hpp>

#include "datasets/dataset.h"
#include "datasets/image_io.h"
#include "tests/datasets/scratch.h"
#include "tests/skip.h"

using namespace graphrun;
using graphrun::test::Scratch;

namespace {

const std::vector<std::filesystem::path> kFolders = {GRAPHRUN_SOURCE_DIR "/datasets"};

constexpr const char* kDescriptor =
    R"({"name": "two", "classes": [{"name": "a", "color": [0, 0, 0]}, {"name": "b", "color": [9, 9, 9]}],
        "labels": {"offset": -1, "ignore": [0]}, "data_hint": "Ask around.",
        "splits": {"train": {"list": "train.txt"}, "test": {"list": "test.txt", "labelled": false}}})";

datasets::Descriptor two() {
  auto descriptor = datasets::parse_descriptor(kDescriptor, "two.json");
  BOOST_REQUIRE(descriptor.ok());
  return *descriptor;
}

}  // namespace

BOOST_AUTO_TEST_CASE(samples_come_with_class_ids) {
  const Scratch scratch;
  const imaging::Image image{1, 3, std::vector<std::uint8_t>(9, 50)};
  BOOST_REQUIRE(datasets::write_rgb_png(scratch / "a.png", image).ok());
  BOOST_REQUIRE(datasets::write_gray_png(scratch / "a_label.png", {1, 3, {0, 1, 2}}).ok());
  BOOST_REQUIRE(datasets::write_gray_png(scratch / "bad.png", {1, 3, {0, 1, 3}}).ok());
  BOOST_REQUIRE(datasets::write_gray_png(scratch / "small.png", {1, 2, {0, 1}}).ok());
  BOOST_REQUIRE(
      core::write_file(scratch / "train.txt", "a.png a_label.png\na.png bad.png\na.png small.png\n").ok());
  BOOST_REQUIRE(core::write_file(scratch / "test.txt", "a.png\n").ok());
  const auto train = datasets::open_dataset(two(), "train", scratch.path());
  BOOST_REQUIRE(train.ok());
  const auto sample = (*train)->load(0);
  BOOST_REQUIRE(sample.ok());
  BOOST_TEST(sample->label.ids == (std::vector<ClassId>{imaging::kIgnoredClass, 0, 1}));
  const std::string unknown = (*train)->load(1).status().message();
  BOOST_TEST(unknown.find("bad.png: label id 3 at row 0, column 2") != std::string::npos);
  BOOST_TEST((*train)->load(2).status().message().find("3 x 1 but its label 2 x 1") != std::string::npos);
  const auto split = datasets::open_dataset(two(), "test", scratch.path());
  BOOST_REQUIRE(split.ok());
  BOOST_TEST(!(*split)->labelled());
  BOOST_REQUIRE((*split)->load(0).ok());
  BOOST_TEST((*split)->load(0)->label.empty());
}

BOOST_AUTO_TEST_CASE(missing_data_says_how_to_give_it) {
  const auto missing = datasets::open_dataset(two(), "train", std::nullopt);
  BOOST_REQUIRE(!missing.ok());
  const std::string& text = missing.status().message();
  for (const char* part : {"data/two", "--data-root", "GRAPHRUN_DATA", "Ask around."}) {
    BOOST_TEST(text.find(part) != std::string::npos, part);
  }
  const std::string split = datasets::open_dataset(two(), "vall", std::nullopt).status().message();
  BOOST_TEST(split.find("no split 'vall'; it has: test, train") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_real_camvid_can_be_read, *test::needs("camvid")) {
  const auto root = test::shared_data("camvid");
  if (!root) return test::skip("no CamVid");
  const auto descriptor = datasets::load_descriptor("camvid", kFolders);
  BOOST_REQUIRE(descriptor.ok());
  const auto val = datasets::open_dataset(*descriptor, "val", *root);
  BOOST_REQUIRE(val.ok());
  BOOST_TEST((*val)->size() == 101);
  BOOST_TEST((*val)->name(0) == "0016E5_07959");
  const auto sample = (*val)->load(100);
  BOOST_REQUIRE(sample.ok());
  BOOST_TEST((sample->image.width == 480 && sample->image.height == 360));
}
