#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "datasets/augment.h"
#include "tests/datasets/require.h"

// Crops that one class has too much of are drawn again.
using namespace graphrun;

namespace {

// A strip of class 1 in the middle of an image of class 0.
datasets::Sample strip(std::int64_t height, std::int64_t width) {
  datasets::Sample sample{{height, width, {}}, {height, width, {}}};
  for (std::int64_t i = 0; i < height * width; ++i) {
    sample.image.rgb.insert(sample.image.rgb.end(), {50, 100, 150});
    const std::int64_t column = i % width;
    sample.label.ids.push_back(column >= width / 2 && column < width / 2 + 8 ? 1 : 0);
  }
  return sample;
}

datasets::AugmentSettings settings_of(double ratio) {
  datasets::AugmentSettings settings;
  settings.train_h = settings.train_w = 16;
  settings.scale_min = settings.scale_max = 1;
  settings.rotate_min = settings.rotate_max = 0;
  settings.blur = false;
  settings.cat_max_ratio = ratio;
  return settings;
}

std::vector<std::int32_t> labels_of(const datasets::Sample& sample, const datasets::AugmentSettings& settings,
                                    const datasets::AugmentParams& draws) {
  std::vector<float> image(16 * 16 * 3);
  std::vector<std::int32_t> label(16 * 16);
  datasets::AugmentScratch scratch;
  test::require(datasets::apply(sample, settings, draws, scratch, image.data(), label.data()));
  return label;
}

double share_of_most(const std::vector<std::int32_t>& label) {
  const auto ones = static_cast<double>(std::ranges::count(label, 1));
  return std::max(ones, static_cast<double>(label.size()) - ones) / static_cast<double>(label.size());
}

}  // namespace

BOOST_AUTO_TEST_CASE(crops_of_one_class_are_drawn_again) {
  const datasets::Sample sample = strip(40, 120);
  int alike = 0, alike_before = 0;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const core::Random random(5, core::RandomPurpose::augment, 0, i);
    const datasets::AugmentParams draws = datasets::draw(settings_of(0.75), random);
    BOOST_TEST_REQUIRE(draws.other_crops.size() == datasets::kCropTries);
    alike += share_of_most(labels_of(sample, settings_of(0.75), draws)) >= 0.75;
    const datasets::AugmentParams any = datasets::draw(settings_of(1), random);
    BOOST_TEST((any.crop == draws.crop && any.flip == draws.flip));
    BOOST_TEST(any.other_crops.empty());
    alike_before += share_of_most(labels_of(sample, settings_of(1), any)) >= 0.75;
  }
  // A crop is mixed with probability 0.1, so that none of 11 is in 0.3 of the images.
  BOOST_TEST(alike_before > 160);
  BOOST_TEST((alike > 30 && alike < 110));
}

BOOST_AUTO_TEST_CASE(a_crop_that_is_mixed_stays) {
  const datasets::Sample sample = strip(16, 16);
  datasets::AugmentParams draws;
  draws.crop = {0, 0};
  const std::vector<std::int32_t> first = labels_of(sample, settings_of(1), draws);
  draws.other_crops.assign(datasets::kCropTries, {0.9, 0.9});
  BOOST_TEST(labels_of(sample, settings_of(0.75), draws) == first);
}

// The same draws give the same crop, and image and label are of the same place.
BOOST_AUTO_TEST_CASE(image_and_label_are_of_the_crop_that_was_chosen) {
  datasets::Sample sample = strip(20, 200);
  for (std::size_t i = 0; i < sample.label.ids.size(); ++i)
    sample.image.rgb[3 * i] = sample.label.ids[i] == 1 ? 255 : 0;
  const datasets::AugmentSettings settings = settings_of(0.6);
  std::vector<float> image(16 * 16 * 3);
  std::vector<std::int32_t> label(16 * 16);
  datasets::AugmentScratch scratch;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto draws = datasets::draw(settings, core::Random(9, core::RandomPurpose::augment, 0, i));
    test::require(datasets::apply(sample, settings, draws, scratch, image.data(), label.data()));
    int wrong = 0;
    for (std::size_t pixel = 0; pixel < label.size(); ++pixel)
      wrong += (image[3 * pixel] > 0) != (label[pixel] == 1);
    BOOST_TEST(wrong == 0);
  }
}

BOOST_AUTO_TEST_CASE(color_and_crop_settings_out_of_range_are_refused) {
  const auto refused = [](const auto& change) {
    datasets::AugmentSettings settings = settings_of(1);
    change(settings);
    return !datasets::validate(settings).ok();
  };
  BOOST_TEST(refused([](auto& settings) { settings.cat_max_ratio = 0; }));
  BOOST_TEST(refused([](auto& settings) { settings.colors.contrast = 2; }));
  BOOST_TEST(refused([](auto& settings) { settings.colors.hue = -1; }));
  BOOST_TEST(!refused([](auto& settings) { settings.colors.brightness = 32; }));
}
