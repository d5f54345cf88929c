#include <boost/test/unit_test.hpp>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <random>

#include "runtime/imaging/probabilities.h"
#include "runtime/imaging/resample.h"

using namespace graphrun;

namespace {

const std::vector<std::pair<imaging::Extent, imaging::Extent>> kSizes = {
    {{36, 48}, {36, 48}}, {{36, 48}, {18, 24}}, {{36, 48}, {63, 84}}, {{36, 48}, {45, 60}},
    {{37, 23}, {50, 31}}, {{50, 31}, {37, 23}}, {{9, 7}, {100, 90}},  {{1, 5}, {3, 2}}};

imaging::Image random_image(const imaging::Extent& size, std::mt19937& random) {
  imaging::Image image{size.height, size.width, {}};
  for (std::int64_t i = 0; i < 3 * size.height * size.width; ++i) {
    image.rgb.push_back(static_cast<std::uint8_t>(random() & 255U));
  }
  return image;
}

cv::Mat resized(const cv::Mat& from, const imaging::Extent& size) {
  cv::Mat to;
  cv::resize(from, to, cv::Size(static_cast<int>(size.width), static_cast<int>(size.height)), 0, 0,
             cv::INTER_LINEAR);
  return to;
}

float most(const cv::Mat& expected, const std::vector<float>& actual) {
  float worst = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    worst = std::max(worst, std::abs(actual[i] - reinterpret_cast<const float*>(expected.data)[i]));
  }
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_CASE(an_image_is_resized_as_opencv_does_and_normalised) {
  std::mt19937 random(1);
  const model::Preprocess preprocess{255, {0.5, 0.25, 0.75}, {0.25, 0.5, 0.125}};
  for (const auto& [from, to] : kSizes) {
    const imaging::Image image = random_image(from, random);
    const cv::Mat bytes(static_cast<int>(from.height), static_cast<int>(from.width), CV_8UC3,
                        const_cast<std::uint8_t*>(image.rgb.data()));
    cv::Mat expected;
    bytes.convertTo(expected, CV_32F);
    expected = resized(expected, to);
    cv::subtract(expected, cv::Scalar(127.5, 63.75, 191.25), expected);
    cv::divide(expected, cv::Scalar(63.75, 127.5, 31.875), expected);
    std::vector<float> out(static_cast<std::size_t>(3 * to.height * to.width));
    imaging::resize_normalised(image, preprocess, to, 2, out.data());
    BOOST_TEST(most(expected, out) < 2e-5f);
  }
}

BOOST_AUTO_TEST_CASE(probabilities_come_back_as_opencv_resizes_them) {
  constexpr int kClasses = 21;
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform(0, 1);
  for (const auto& [from, to] : kSizes) {
    cv::Mat plane(static_cast<int>(from.height), static_cast<int>(from.width), CV_32FC(kClasses));
    auto* values = reinterpret_cast<float*>(plane.data);
    for (std::int64_t i = 0; i < from.height * from.width * kClasses; ++i) values[i] = uniform(random);
    const cv::Mat expected = resized(plane, to);
    const imaging::ResizeTable rows = imaging::linear_taps(from.height, to.height);
    const imaging::ResizeTable columns = imaging::linear_taps(from.width, to.width);
    const imaging::ResizeBack resize{values, rows, columns, from.width, kClasses, 2};
    std::vector<float> total(static_cast<std::size_t>(to.height * to.width * kClasses), 7.0f);
    imaging::resize_to_total(resize, true, total.data());
    BOOST_TEST(most(expected, total) < 1e-6f);
    const std::vector<float> once = total;
    imaging::resize_to_total(resize, false, total.data());
    std::vector<ClassId> alone(static_cast<std::size_t>(to.height * to.width));
    std::vector<ClassId> summed(alone.size());
    imaging::resize_to_classes(resize, nullptr, {alone.data()});
    imaging::resize_to_classes(resize, once.data(), {summed.data()});
    for (std::size_t i = 0; i < alone.size(); ++i) {
      const float* pixel = once.data() + i * kClasses;
      BOOST_REQUIRE(total[i * kClasses] == 2 * pixel[0]);
      BOOST_REQUIRE(alone[i] == std::max_element(pixel, pixel + kClasses) - pixel);
    }
    BOOST_TEST(alone == summed, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(sums_over_crops_become_means) {
  imaging::ResizeTable taps = imaging::linear_taps(4, 4);
  const std::vector<std::int32_t> counts = {1, 2, 4, 1};
  taps.divide_by(counts);
  BOOST_TEST((taps.first_weight == std::vector<float>{1.0f, 0.5f, 0.25f, 1.0f}));
}

BOOST_AUTO_TEST_CASE(the_first_of_equal_maxima_wins) {
  const std::vector<float> plane = {0.25f, 0.5f, 0.5f, 0.125f, 0.125f, 0.125f};
  const imaging::ResizeTable one = imaging::linear_taps(1, 1);
  const imaging::ResizeTable two = imaging::linear_taps(2, 2);
  std::vector<ClassId> ids(2);
  imaging::resize_to_classes({plane.data(), one, two, 2, 3, 1}, nullptr, {ids.data()});
  BOOST_TEST((ids[0] == 1 && ids[1] == 0));
}
