#include <boost/test/unit_test.hpp>
#include <cmath>

#include "datasets/image_io.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "training/evaluation/predictions.h"

using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

class Silent final : public training::EvalObserver {
 public:
  void image(std::int64_t, std::int64_t, double, const training::ConfusionMatrix*) override {}
};

Result<training::Scoring> score(const datasets::Descriptor& descriptor, const std::filesystem::path& root,
                                const std::filesystem::path& folder, training::PredictionIds ids) {
  Silent silent;
  return training::score_predictions(descriptor, "val", root, {}, {folder, ids}, silent);
}

// A descriptor of `classes` classes whose images need not exist.
datasets::Descriptor describe(int classes, const std::string& labels, const std::string& split) {
  std::string list;
  for (int c = 0; c < classes; ++c) {
    list += (c == 0 ? "" : ", ") + (R"({"name": "c)" + std::to_string(c)) + R"(", "color": [0, 0, 0]})";
  }
  return require(datasets::parse_descriptor(R"({"name": "d", "classes": [)" + list + R"(], "labels": )" +
                                                labels + R"(, "splits": {"val": )" + split + "}}",
                                            "d.json"));
}

void check(const training::Metrics& metrics, double accuracy, double mean_iou) {
  BOOST_TEST(std::abs(metrics.accuracy - accuracy) < 1e-9);
  BOOST_TEST(std::abs(metrics.mean_iou - mean_iou) < 1e-9);
}

constexpr const char* kAde = R"({"offset": -1, "ignore": [0]})";

}  // namespace

BOOST_AUTO_TEST_CASE(files_are_named_as_labels_or_as_images) {
  const Scratch scratch;
  BOOST_TEST(std::filesystem::create_directories(scratch / "out"));
  require(core::write_file(scratch / "val.txt", "a_image.jpg a_label.png\nb_image.jpg b_label.png\n"));
  require(datasets::write_gray_png(scratch / "a_label.png", {1, 3, {1, 2, 0}}));
  require(datasets::write_gray_png(scratch / "b_label.png", {1, 3, {2, 2, 1}}));
  require(datasets::write_gray_png(scratch / "out/a_label.png", {1, 3, {1, 1, 1}}));
  require(datasets::write_gray_png(scratch / "out/b_image.png", {1, 3, {2, 2, 0}}));
  const datasets::Descriptor descriptor = describe(2, kAde, R"({"list": "val.txt"})");
  const training::Scoring as_labels =
      require(score(descriptor, scratch.path(), scratch / "out", training::PredictionIds::labels));
  check(as_labels.tally.confusion().metrics(), 3.0 / 5,
        (1.0 / 3 + 2.0 / 3) / 2);  // label id 0 as a prediction is no class
  BOOST_TEST(as_labels.strays.count == 0);
  const training::Scoring as_classes =
      require(score(descriptor, scratch.path(), scratch / "out", training::PredictionIds::classes));
  check(as_classes.tally.confusion().metrics(), 2.0 / 5,
        (1.0 / 2 + 1.0 / 4) / 2);  // class 2 does not exist: wrong
  BOOST_TEST(as_classes.strays.count == 2);
}

BOOST_AUTO_TEST_CASE(a_wrong_size_or_a_missing_file_is_named) {
  const Scratch scratch;
  BOOST_TEST(std::filesystem::create_directories(scratch / "out"));
  require(core::write_file(scratch / "val.txt", "a.jpg a.png\n"));
  require(datasets::write_gray_png(scratch / "a.png", {1, 3, {1, 2, 0}}));
  const datasets::Descriptor descriptor = describe(2, kAde, R"({"list": "val.txt"})");
  const auto missing = score(descriptor, scratch.path(), scratch / "out", training::PredictionIds::classes);
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST(missing.status().message().find("out/a.png") != std::string::npos);
  require(datasets::write_gray_png(scratch / "out/a.png", {2, 3, {0, 0, 0, 0, 0, 0}}));
  const auto large = score(descriptor, scratch.path(), scratch / "out", training::PredictionIds::classes);
  BOOST_REQUIRE(!large.ok());
  BOOST_TEST(large.status().message().find("the prediction is 3 x 2, the label of a 3 x 1") !=
             std::string::npos);
}
