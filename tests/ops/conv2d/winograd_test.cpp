#include "ops/conv2d/winograd.h"

#include <boost/test/unit_test.hpp>
#include <vector>

#include "graphrun/bfloat16.h"

// Pixels stored in bf16 take part as the floats that they stand for, and results are those of f32, rounded.
namespace graphrun::ops::conv2d::winograd {
namespace {

constexpr std::int64_t kChannels = 70, kPitch = 80;

struct Pixels {
  std::vector<BFloat16> stored;
  std::vector<float> values;
};

Pixels pixels(std::int64_t count, std::uint32_t seed) {
  Pixels all;
  for (std::int64_t i = 0; i < count * kChannels; ++i) {
    all.stored.push_back(BFloat16(static_cast<float>(i * 7919 % 2048 + seed) / 512.0f - 2.0f));
    all.values.push_back(static_cast<float>(all.stored.back()));
  }
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(tiles_of_bf16_pixels) {
  const Pixels x = pixels(kPoints, 1);
  InTile<BFloat16> stored{};
  InTile<float> values{};
  for (std::size_t i = 0; i < kPoints; i += i % 5 == 0 ? 2 : 1) {
    stored[i] = x.stored.data() + i * kChannels;
    values[i] = x.values.data() + i * kChannels;
  }
  std::vector<float> of_stored(kPoints * kPitch), of_values(kPoints * kPitch);
  transform_in(stored, kChannels, of_stored.data(), kPitch);
  transform_in(values, kChannels, of_values.data(), kPitch);
  BOOST_TEST(of_stored == of_values, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(results_in_bf16) {
  const Pixels points = pixels(kPoints, 2), residual = pixels(kOut * kOut, 3), bias = pixels(1, 4);
  std::vector<BFloat16> y(kOut * kOut * kChannels);
  std::vector<float> expected(y.size());
  OutPixels<BFloat16> stored{.y = {}, .add = true, .relu = true, .bias = bias.values.data()};
  OutPixels<float> values{.y = {}, .add = true, .relu = true, .bias = bias.values.data()};
  for (std::size_t i = 0; i < kOut * kOut; ++i) {
    stored.y[i] = y.data() + i * kChannels;
    values.y[i] = expected.data() + i * kChannels;
    stored.residual[i] = residual.stored.data() + i * kChannels;
    values.residual[i] = residual.values.data() + i * kChannels;
  }
  transform_out(points.values.data(), kChannels, kChannels, stored);
  transform_out(points.values.data(), kChannels, kChannels, values);
  for (std::size_t i = 0; i < y.size(); ++i)
    BOOST_TEST(static_cast<float>(y[i]) == static_cast<float>(BFloat16(expected[i])));
}

}  // namespace graphrun::ops::conv2d::winograd
