#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "runtime/imaging/probabilities.h"

using namespace graphrun;

namespace {

// Logits that depend on the place in the image, so that crops agree about a pixel; `mirrored` crops see the
// image from right to left. The stride leaves a gap between pixels.
struct Crop {
  std::vector<float> values;
  TensorView view;

  Crop(std::int64_t samples, std::int64_t classes, std::int64_t height, std::int64_t width,
       std::uint32_t seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-30, 30);
    TensorDesc desc = TensorDesc::nhwc(DType::f32, {samples, classes, height, width});
    desc.pixel_stride = classes + 3;
    values.resize(static_cast<std::size_t>(samples * height * width * desc.pixel_stride));
    for (float& value : values) value = uniform(random);
    view = {desc, values.data()};
  }
  double softmax(std::int64_t sample, std::int64_t y, std::int64_t x, std::int64_t c) const {
    const TensorDesc& d = view.desc;
    const float* pixel = values.data() + ((sample * d.h() + y) * d.w() + x) * d.pixel_stride;
    double sum = 0;
    for (std::int64_t k = 0; k < d.c(); ++k) sum += std::exp(static_cast<double>(pixel[k]) - pixel[c]);
    return 1 / sum;
  }
};

void check(std::int64_t samples, std::int64_t classes, const imaging::Extent& image,
           const imaging::Extent& crop) {
  const imaging::SlideAxis rows = imaging::slide_axis(image.height, crop.height);
  const imaging::SlideAxis columns = imaging::slide_axis(image.width, crop.width);
  const auto size = static_cast<std::size_t>(image.height * image.width * classes);
  std::vector<float> sums(size, NAN);  // nothing may be read before it was written
  std::vector<double> expected(size, 0);
  std::uint32_t seed = 0;
  for (std::size_t row = 0; row < rows.starts.size(); ++row) {
    for (std::size_t column = 0; column < columns.starts.size(); ++column) {
      const Crop logits(samples, classes, crop.height, crop.width, ++seed);
      const imaging::WeightedResizeTable down =
          imaging::interpolation_taps(numeric::Interpolation::aligned_corners, crop.height, crop.height);
      const imaging::WeightedResizeTable across =
          imaging::interpolation_taps(numeric::Interpolation::aligned_corners, crop.width, crop.width);
      const imaging::WeightedResizeTable mirrored = imaging::reversed(across);
      imaging::add_crop({logits.view, 0, down, across, samples == 2 ? &mirrored : nullptr, 2},
                        {rows, columns, row, column}, sums.data());
      for (std::int64_t y = 0; y < crop.height; ++y) {
        for (std::int64_t x = 0; x < crop.width; ++x) {
          const std::int64_t to_y = rows.starts[row] + y;
          const std::int64_t to_x = columns.starts[column] + x;
          if (to_y < 0 || to_x < 0 || to_y >= image.height || to_x >= image.width) continue;
          for (std::int64_t c = 0; c < classes; ++c) {
            double& to = expected[static_cast<std::size_t>((to_y * image.width + to_x) * classes + c)];
            to += logits.softmax(0, y, x, c);
            if (samples == 2) to += logits.softmax(1, y, crop.width - 1 - x, c);
          }
        }
      }
    }
  }
  double worst = 0;
  for (std::size_t i = 0; i < size; ++i) {
    BOOST_REQUIRE(std::isfinite(sums[i]));
    worst = std::max(worst, std::abs(sums[i] - expected[i]));
  }
  BOOST_TEST(worst < 5e-6);
}

}  // namespace

BOOST_AUTO_TEST_CASE(crops_add_their_softmax_and_that_of_their_mirror_image) {
  check(2, 11, {21, 34}, {12, 15});
  check(1, 11, {21, 34}, {12, 15});
  check(2, 150, {13, 9}, {8, 8});
  check(2, 1, {13, 9}, {8, 8});
  check(2, 255, {4, 40}, {4, 33});
}

BOOST_AUTO_TEST_CASE(what_lies_outside_a_small_image_is_cut_off) {
  check(2, 5, {6, 11}, {9, 14});
  check(2, 5, {6, 30}, {9, 14});
  check(1, 5, {30, 1}, {9, 14});
}
