#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "runtime/core/file.h"
#include "runtime/imaging/image.h"
#include "tests/datasets/require.h"
#include "tests/datasets/scratch.h"
#include "training/evaluation/bootstrap.h"
#include "training/evaluation/per_image.h"
#include "training/evaluation/tally.h"
#include "training/evaluation/temperature.h"

// What an evaluation counts by image, and what it says of it.
using namespace graphrun;
using graphrun::test::require;
using graphrun::test::Scratch;

namespace {

constexpr int kClasses = 4;

// Blocks of classes, the last of which never occurs, with some noise and ignored pixels.
LabelMap random_map(std::int64_t height, std::int64_t width, std::uint32_t seed, bool has_ignored) {
  std::mt19937 random(seed);
  LabelMap map{height, width, {}};
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const bool ignored = has_ignored && random() % 50 == 0;
      const auto block = static_cast<ClassId>((x / 17 + y / 11 + seed) % (kClasses - 1));
      const auto noise = static_cast<ClassId>(random() % (kClasses - 1));
      map.ids.push_back(ignored ? imaging::kIgnoredClass : random() % 40 == 0 ? noise : block);
    }
  }
  return map;
}

training::Tally tally_of(int images, std::uint32_t shift, bool boundaries) {
  training::Tally tally(images, kClasses, boundaries);
  for (int i = 0; i < images; ++i) {
    const auto seed = static_cast<std::uint32_t>(i);
    tally.add(i, random_map(30 + i, 50, seed + shift, false), random_map(30 + i, 50, seed, true));
  }
  return tally;
}

// Of the pixel's class: the definition, pixel by pixel.
bool on_boundary(const LabelMap& map, std::int64_t y, std::int64_t x, std::int64_t distance) {
  for (std::int64_t v = y - distance; v <= y + distance; ++v) {
    for (std::int64_t u = x - distance; u <= x + distance; ++u) {
      const bool inside = v >= 0 && v < map.height && u >= 0 && u < map.width;
      if (!inside || map.at(v, u) != map.at(y, x)) return true;
    }
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_CASE(counts_of_images_add_up_to_the_confusion_matrix) {
  const training::Tally tally = tally_of(5, 1, false);
  const training::Metrics metrics = tally.confusion().metrics();
  for (std::size_t c = 0; c < kClasses; ++c) {
    std::int64_t intersection = 0, union_ = 0;
    for (std::int64_t i = 0; i < 5; ++i) {
      intersection += tally.images().row(i).intersections[c];
      union_ += tally.images().row(i).unions[c];
    }
    BOOST_TEST(intersection == metrics.classes[c].intersection);
    BOOST_TEST(union_ == metrics.classes[c].union_);
  }
  BOOST_TEST(metrics.classes_present == kClasses - 1);
  BOOST_TEST(metrics.mean_iou_present > metrics.mean_iou);
  BOOST_TEST(!tally.has_confidence());
}

BOOST_AUTO_TEST_CASE(what_is_said_of_a_matrix) {
  training::ConfusionMatrix confusion(3);  // class 2 is absent
  confusion.add(std::vector<std::int64_t>{6, 2, 0, 1, 3, 0, 0, 0, 0});
  const training::Metrics m = confusion.metrics();
  BOOST_TEST(std::abs(m.classes[0].precision - 6.0 / 7) < 1e-12);
  BOOST_TEST(std::abs(m.classes[0].recall - 6.0 / 8) < 1e-12);
  BOOST_TEST(std::abs(m.classes[0].dice - 12.0 / 15) < 1e-12);
  BOOST_TEST(std::abs(m.classes[0].f1 - 12.0 / 15) < 1e-12);
  BOOST_TEST((m.classes[2].precision == 0 && m.classes[2].recall == 0 && m.classes[2].dice == 0));
  BOOST_TEST(std::abs(m.mean_dice - (12.0 / 15 + 6.0 / 9) / 3) < 1e-12);
  BOOST_TEST(std::abs(m.weighted_iou - (8 * 6.0 / 9 + 4 * 3.0 / 6) / 12) < 1e-9);
  const double expected = (8 * 7 + 4 * 5) / 144.0;
  BOOST_TEST(std::abs(m.kappa - (9.0 / 12 - expected) / (1 - expected)) < 1e-12);
  BOOST_TEST(m.classes_present == 2);
  BOOST_TEST(std::abs(m.mean_iou_present - (6.0 / 9 + 3.0 / 6) / 2) < 1e-9);
}

BOOST_AUTO_TEST_CASE(boundaries_are_those_of_the_definition) {
  for (const auto& [height, width] :
       {std::pair<std::int64_t, std::int64_t>{40, 70}, {170, 60}, {3, 90}, {1, 1}}) {
    const LabelMap label = random_map(height, width, 2, true);
    LabelMap prediction = random_map(height, width, 3, false);
    training::Tally tally(1, kClasses, true);
    tally.add(0, prediction, label);
    const auto distance = training::boundary_distance(height, width);
    BOOST_TEST(distance == std::max(1.0, std::nearbyint(0.02 * std::hypot(height, width))));
    for (std::size_t i = 0; i < label.ids.size(); ++i) {
      if (label.ids[i] == imaging::kIgnoredClass) prediction.ids[i] = imaging::kIgnoredClass;
    }
    for (ClassId c = 0; c < kClasses; ++c) {
      std::int64_t intersection = 0, union_ = 0;
      for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          const bool wanted = label.at(y, x) == c && on_boundary(label, y, x, distance);
          const bool found = prediction.at(y, x) == c && on_boundary(prediction, y, x, distance);
          intersection += wanted && found ? 1 : 0;
          union_ += wanted || found ? 1 : 0;
        }
      }
      BOOST_TEST(tally.images().row(0).boundary_intersections[c] == intersection);
      BOOST_TEST(tally.images().row(0).boundary_unions[c] == union_);
    }
  }
}

BOOST_AUTO_TEST_CASE(calibration_is_the_gap_between_confidence_and_accuracy) {
  LabelMap label{1, 5, {0, 1, 1, 2, imaging::kIgnoredClass}};
  LabelMap map{1, 5, {0, 1, 0, 1, 0}, {0.95f, 0.97f, 0.5f, 0.5f, 0.1f}};
  training::Tally tally(1, kClasses, false);
  tally.add(0, map, label);
  BOOST_TEST(tally.has_confidence());
  BOOST_TEST(tally.calibration().pixels() == 4);
  BOOST_TEST(std::abs(tally.calibration().expected_error() - (2 * std::abs(0.96 - 1) + 2 * 0.5) / 4) < 1e-7);
  const auto bins = tally.calibration().bins();
  BOOST_TEST((bins[14].pixels == 2 && bins[14].accuracy == 1));
  BOOST_TEST((bins[7].pixels == 2 && bins[7].accuracy == 0 && bins[7].confidence == 0.5));
  BOOST_TEST(std::abs(static_cast<double>(tally.images().row(0).confidence) * training::Calibration::kUnit -
                      2.92) < 1e-6);
}

// Labels are drawn by probabilities that the network claims to be surer of than they are.
BOOST_AUTO_TEST_CASE(a_temperature_is_found_again) {
  for (const double temperature : {0.7, 1.0, 2.5}) {
    constexpr std::int64_t kSide = 128;
    std::mt19937 random(3);
    std::normal_distribution<double> normal(0, 1.5);
    std::uniform_real_distribution<double> uniform(0, 1);
    training::TemperatureFit fit;
    for (int image = 0; image < 8; ++image) {
      LabelMap label{kSide, kSide, {}}, map{kSide, kSide, {}};
      map.probabilities.resize(std::size_t{kClasses} * kSide * kSide);
      for (std::size_t i = 0; i < std::size_t{kSide} * kSide; ++i) {
        double logits[kClasses], sum = 0, claimed = 0;
        for (double& logit : logits) {
          logit = normal(random);
          sum += std::exp(logit);
          claimed += std::exp(temperature * logit);
        }
        double left = uniform(random) * sum;
        ClassId drawn = 0;
        while (drawn + 1 < kClasses && (left -= std::exp(logits[drawn])) > 0) ++drawn;
        label.ids.push_back(i % 10 == 0 ? imaging::kIgnoredClass : drawn);
        map.ids.push_back(0);
        for (std::size_t c = 0; c < kClasses; ++c)
          map.probabilities[c * kSide * kSide + i] =
              static_cast<float>(std::exp(temperature * logits[c]) / claimed);
      }
      fit.add(map, label);
    }
    BOOST_REQUIRE(fit.temperature().has_value());
    BOOST_TEST(std::abs(*fit.temperature() / temperature - 1) < 0.03, *fit.temperature());
  }
  BOOST_TEST(!training::TemperatureFit().temperature().has_value());
}

BOOST_AUTO_TEST_CASE(intervals_hold_the_figure_and_are_always_the_same) {
  const training::Tally tally = tally_of(12, 1, false);
  const training::ScoreIntervals intervals = training::score_intervals(tally.images());
  const double mean = tally.confusion().metrics().mean_iou;
  BOOST_TEST((intervals.mean_iou.low < mean && mean < intervals.mean_iou.high));
  const training::ScoreIntervals again = training::score_intervals(tally.images());
  BOOST_TEST(
      (again.mean_iou.low == intervals.mean_iou.low && again.mean_iou.high == intervals.mean_iou.high));

  const training::Tally worse = tally_of(12, 2, false);
  const training::PairedDifferences none = training::paired_differences(tally.images(), tally.images());
  BOOST_TEST((none.mean_iou.value == 0 && none.mean_iou.interval.low == 0 && !none.mean_iou.is_clear()));
  const training::PairedDifferences some = training::paired_differences(tally.images(), worse.images());
  const training::PairedDifferences back = training::paired_differences(worse.images(), tally.images());
  BOOST_TEST(some.mean_iou.value == -back.mean_iou.value);
  BOOST_TEST(std::abs(some.mean_iou.interval.low + back.mean_iou.interval.high) < 1e-12);
}

BOOST_AUTO_TEST_CASE(counts_by_image_are_read_as_they_were_written) {
  const Scratch scratch;
  const training::Tally tally = tally_of(3, 1, true);
  const std::vector<std::string> names{"plain", "with, \"quotes\"", "line\nbreak"};
  const std::string csv = training::per_image_csv(names, tally.images());
  BOOST_TEST(csv.starts_with("name,pixels,correct,mIoU,aAcc,confidence,intersection_0,union_0,"));
  require(core::write_file(scratch / "per_image.csv", csv));
  const training::ImageNamesAndCounts read = require(training::read_per_image(scratch / "per_image.csv"));
  BOOST_TEST(read.names == names, boost::test_tools::per_element());
  for (std::int64_t i = 0; i < 3; ++i) {
    BOOST_TEST(std::ranges::equal(read.counts.row(i).intersections, tally.images().row(i).intersections));
    BOOST_TEST(std::ranges::equal(read.counts.row(i).unions, tally.images().row(i).unions));
  }
  for (const std::string& broken :
       {std::string(), std::string("name,pixels\na,1\n"), csv.substr(0, csv.size() - 1) + ",\n",
        csv.substr(0, csv.find('\n') + 1) + "a,1\n", "name,intersection_0,union_0\na,-1,2\n" + std::string(),
        std::string("name,intersection_0,union_0\n\"a,1,2\n")}) {
    require(core::write_file(scratch / "broken.csv", broken));
    const auto refused = training::read_per_image(scratch / "broken.csv");
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST((refused.status().code() == ErrorCode::invalid_file), refused.status().message());
  }
}
