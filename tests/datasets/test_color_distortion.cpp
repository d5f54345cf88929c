#include <boost/test/unit_test.hpp>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "datasets/color_distortion.h"

using namespace graphrun;

namespace {

// Every colour of a coarse grid, greys and corners of the cube among them.
datasets::Patch colors() {
  datasets::Patch patch;
  patch.reset({3, 5, 18, 18 * 18});
  std::size_t i = 0;
  for (int r = 0; r < 256; r += 15)
    for (int g = 0; g < 256; g += 15)
      for (int b = 0; b < 256; b += 15)
        patch.pixels[i++].lanes =
            datasets::Pixel::Lanes{static_cast<float>(r), static_cast<float>(g), static_cast<float>(b), 0};
  return patch;
}

cv::Mat image_of(const datasets::Patch& patch) {
  cv::Mat image(1, static_cast<int>(patch.rect.height * patch.rect.width), CV_32FC3);
  for (int i = 0; i < image.cols; ++i) {
    const auto& lanes = patch.pixels[static_cast<std::size_t>(i)].lanes;
    image.at<cv::Vec3f>(i) = {lanes[0], lanes[1], lanes[2]};
  }
  return image;
}

void cut(cv::Mat& image) { image = cv::max(cv::min(image, 255), 0); }

void scale(cv::Mat& image, double factor, double offset) {
  image.convertTo(image, CV_32FC3, factor, offset);
  cut(image);
}

// The same steps with OpenCV's colour space, whose hues are degrees.
cv::Mat reference(const datasets::ColorDistortion& by, cv::Mat image) {
  scale(image, 1, by.brightness);
  if (!by.contrast_last) scale(image, by.contrast, 0);
  cv::Mat hsv;
  cv::cvtColor(image, hsv, cv::COLOR_RGB2HSV);
  for (int i = 0; i < hsv.cols; ++i) {
    auto& pixel = hsv.at<cv::Vec3f>(i);
    pixel[0] = std::fmod(pixel[0] + static_cast<float>(by.hue) + 720, 360.0F);
    pixel[1] = std::min(1.0F, pixel[1] * static_cast<float>(by.saturation));
  }
  cv::cvtColor(hsv, image, cv::COLOR_HSV2RGB);
  if (by.contrast_last) scale(image, by.contrast, 0);
  return image;
}

}  // namespace

BOOST_AUTO_TEST_CASE(distorted_colors_are_those_of_another_implementation) {
  const datasets::ColorRanges ranges{.brightness = 32, .contrast = 0.5, .saturation = 0.5, .hue = 36};
  for (std::uint32_t i = 0; i < 40; ++i) {
    core::Random random(3, core::RandomPurpose::augment, 0, i);
    const datasets::ColorDistortion distortion = datasets::draw(ranges, random);
    datasets::Patch patch = colors();
    const cv::Mat expected = reference(distortion, image_of(patch));
    datasets::distort(distortion, patch);
    BOOST_TEST(cv::norm(image_of(patch), expected, cv::NORM_INF) < 2e-2);
  }
}

BOOST_AUTO_TEST_CASE(no_distortion_leaves_every_bit) {
  datasets::Patch patch = colors();
  datasets::distort({}, patch);
  BOOST_TEST(cv::norm(image_of(patch), image_of(colors()), cv::NORM_INF) == 0);
}

BOOST_AUTO_TEST_CASE(changes_stay_in_their_ranges_each_for_half_of_the_images) {
  const datasets::ColorRanges ranges{.brightness = 32, .contrast = 0.5, .saturation = 0.25, .hue = 18};
  int bright = 0, contrast = 0, saturated = 0, turned = 0, last = 0;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    core::Random random(7, core::RandomPurpose::augment, 0, i);
    const datasets::ColorDistortion one = datasets::draw(ranges, random);
    BOOST_REQUIRE((std::abs(one.brightness) <= 32 && std::abs(one.contrast - 1) <= 0.5));
    BOOST_REQUIRE((std::abs(one.saturation - 1) <= 0.25 && std::abs(one.hue) <= 18));
    bright += one.brightness != 0;
    contrast += one.contrast != 1;
    saturated += one.saturation != 1;
    turned += one.hue != 0;
    last += one.contrast_last;
  }
  for (const int count : {bright, contrast, saturated, turned, last})
    BOOST_TEST((count > 440 && count < 560));
}
