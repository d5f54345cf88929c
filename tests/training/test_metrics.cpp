#include <boost/test/unit_test.hpp>
#include <cmath>

#include "datasets/image_io.h"
#include "tests/datasets/scratch.h"
#include "tests/skip.h"
#include "training/evaluation/metrics.h"

using namespace graphrun;

namespace {

using Ids = std::vector<ClassId>;

// Files of one name in two folders, ids minus `shift`. Labels of 0 count nowhere where shift is 1, else 255.
training::Metrics score(const std::filesystem::path& predictions, const std::filesystem::path& labels,
                        const std::vector<std::string>& names, int classes, int shift) {
  training::ConfusionMatrix confusion(classes);
  for (const std::string& name : names) {
    const auto prediction = datasets::read_label(predictions / name);
    const auto label = datasets::read_label(labels / name);
    BOOST_REQUIRE((prediction.ok() && label.ok()));
    BOOST_REQUIRE(prediction->ids.size() == label->ids.size());
    Ids ids[2];
    for (std::size_t i = 0; i < label->ids.size(); ++i) {
      ids[0].push_back(static_cast<ClassId>(prediction->ids[i] - shift));
      ids[1].push_back(static_cast<ClassId>(label->ids[i] - shift));
    }
    confusion.add(ids[0], ids[1], shift == 1 ? imaging::kIgnoredClass : 255);
  }
  return confusion.metrics();
}

void check(const training::Metrics& metrics, double accuracy, double mean_iou, double mean_accuracy) {
  BOOST_TEST(std::abs(metrics.accuracy - accuracy) < 1e-9);
  BOOST_TEST(std::abs(metrics.mean_iou - mean_iou) < 1e-9);
  BOOST_TEST(std::abs(metrics.mean_accuracy - mean_accuracy) < 1e-9);
}

}  // namespace

BOOST_AUTO_TEST_CASE(metrics_count_as_the_reference_does) {
  training::ConfusionMatrix confusion(4);  // class 3 is absent from both
  confusion.add(Ids{0, 0, 1, 1, 2, 9, 0}, Ids{0, 1, 1, 255, 2, 2, 7}, 255);
  const training::Metrics m = confusion.metrics();
  BOOST_TEST((m.classes[0].intersection == 1 && m.classes[0].union_ == 3 && m.classes[0].target == 1));
  BOOST_TEST((m.classes[1].intersection == 1 && m.classes[1].union_ == 2 && m.classes[1].target == 2));
  BOOST_TEST((m.classes[2].intersection == 1 && m.classes[2].union_ == 2 && m.classes[2].target == 2));
  BOOST_TEST((m.classes[3].union_ == 0 && m.classes[3].iou == 0 && m.classes[3].accuracy == 0));
  BOOST_TEST(std::abs(m.mean_iou - (1.0 / 3 + 0.5 + 0.5 + 0) / 4) < 1e-9);
  BOOST_TEST(std::abs(m.accuracy - 3.0 / 5) < 1e-9);
}

BOOST_AUTO_TEST_CASE(matrices_merge_to_the_matrix_of_all) {
  const Ids prediction = {0, 1, 1, 0, 2, 2};
  const Ids label = {0, 1, 0, 255, 2, 1};
  training::ConfusionMatrix all(3), first(3), second(3);
  all.add(prediction, label, 255);
  first.add(std::span(prediction).first(2), std::span(label).first(2), 255);
  second.add(std::span(prediction).subspan(2), std::span(label).subspan(2), 255);
  first.merge(second);
  BOOST_TEST(std::equal(all.cells().begin(), all.cells().end(), first.cells().begin()));
  training::ConfusionMatrix wide(3);
  wide.add(std::vector<std::int32_t>(prediction.begin(), prediction.end()),
           std::vector<std::int32_t>(label.begin(), label.end()));
  BOOST_TEST(std::equal(all.cells().begin(), all.cells().end(), wide.cells().begin()));
}

BOOST_AUTO_TEST_CASE(no_labelled_pixel_gives_zero) {
  training::ConfusionMatrix confusion(2);
  confusion.add(Ids{0, 1}, Ids{255, 255}, 255);
  check(confusion.metrics(), 0, 0, 0);
}

BOOST_AUTO_TEST_CASE(published_figures_are_reproduced, *test::needs("samples")) {
  const auto ade = test::shared_data("samples/ade20k");
  const auto voc = test::shared_data("samples/voc2012");
  if (!ade || !voc) return test::skip("no samples of ADE20K and VOC 2012");
  const std::vector<std::string> scenes = {"ADE_val_00000001.png", "ADE_val_00000002.png",
                                           "ADE_val_00000003.png"};
  check(score(*ade / "predictions_sceneparsing/validation",
              *ade / "ADEChallengeData2016/annotations/validation", scenes, 150, 1),
        1.0, 0.1, 0.1);
  const std::vector<std::string> teaser = {"ADE_val_00000278.png", "ADE_val_00001519.png"};
  const auto decoded = *ade / "teaser_decoded";
  check(score(decoded / "predictions_2018", decoded / "annotations", teaser, 150, 1), 641500.0 / 758995,
        0.1300057994, 0.1516613006);
  check(score(decoded / "predictions_2017", decoded / "annotations", teaser, 150, 1), 586721.0 / 758995,
        0.1081277397, 0.1275589377);
  check(score(*voc / "vainf_decoded/pred", *voc / "vainf_decoded/target", {"1.png", "23.png", "114.png"}, 21,
              0),
        752819.0 / 759907, 0.1819723574, 0.1893875670);
}
