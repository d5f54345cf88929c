#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "tests/ops/harness.h"
#include "tests/ops/resampling.h"

namespace graphrun::test {
namespace {

struct Pyramid {
  std::int64_t n, c, h, w, o;
  std::vector<Shape> levels;
  std::int64_t kernel = 3, stride = 1, dilation = 1;
  std::int64_t gap = 0;

  std::int64_t padding() const { return kernel / 2 * dilation; }
  std::int64_t oh() const { return (h + 2 * padding() - dilation * (kernel - 1) - 1) / stride + 1; }
  std::int64_t ow() const { return (w + 2 * padding() - dilation * (kernel - 1) - 1) / stride + 1; }
  std::int64_t channels() const {
    std::int64_t sum = c;
    for (const Shape& level : levels) sum += level[1];
    return sum;
  }
};

Case pyramid_case(const Pyramid& v) {
  Case test{
      .op = "conv2d_bn_pyramid",
      .attrs = {{"kernel", Expr(v.kernel)},
                {"stride", Expr(v.stride)},
                {"padding", Expr(v.padding())},
                {"dilation", Expr(v.dilation)},
                {"out_channels", Expr(v.o)},
                {"eps", Expr(1e-3)},
                {"activation", "relu"}},
      .inputs = {activation({v.n, v.c, v.h, v.w}, normal(), v.gap),
                 dense({v.o, v.channels(), v.kernel, v.kernel}, normal(0, 0.1)), absent(),
                 dense({v.o}, uniform(0.5, 2)), dense({v.o}), dense({v.o}), dense({v.o}, uniform(0.1, 2))},
      .output_gap = v.gap,
      .kernels = {{.type = DType::f32, .constant = true, .names = {"pyramid"}},
                  {.type = DType::bf16, .constant = true, .names = {"pyramid"}},
                  {.constant = false, .names = {}},
                  {.device = "cuda", .constant = true, .names = {"pyramid"}}}};
  for (const Shape& level : v.levels) test.inputs.push_back(activation(level, normal(), v.gap));
  return test;
}

double interpolated(const HostTensor& level, std::int64_t n, std::int64_t c, const Mixture& row,
                    const Mixture& column) {
  const auto blend = [&](std::int64_t x) {
    return (1 - row.weight) * level.at(n, c, row.first, x) + row.weight * level.at(n, c, row.second, x);
  };
  return (1 - column.weight) * blend(column.first) + column.weight * blend(column.second);
}

// The concatenation, pixel by pixel, then the convolution and batch norm.
Reference pyramid_reference(const Pyramid& v) {
  return [v](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
    HostTensor joined = HostTensor::zeros({v.n, v.channels(), v.h, v.w});
    for (std::int64_t n = 0; n < v.n; ++n) {
      for (std::int64_t y = 0; y < v.h; ++y) {
        for (std::int64_t x = 0; x < v.w; ++x) {
          std::int64_t channel = 0;
          for (std::size_t l = 7; l <= in.size(); ++l) {
            if (l == 7 + static_cast<std::size_t>(attrs.integer("place"))) {
              for (std::int64_t c = 0; c < v.c; ++c, ++channel)
                joined.at(n, channel, y, x) = in[0].at(n, c, y, x);
            }
            for (std::int64_t c = 0; l < in.size() && c < in[l].shape[1]; ++c, ++channel)
              joined.at(n, channel, y, x) = interpolated(in[l], n, c, mixture(attrs, y, in[l].shape[2], v.h),
                                                         mixture(attrs, x, in[l].shape[3], v.w));
          }
        }
      }
    }
    out[0] = HostTensor::zeros({v.n, v.o, v.oh(), v.ow()});
    for (std::int64_t n = 0; n < v.n; ++n) {
      for (std::int64_t o = 0; o < v.o; ++o) {
        const auto channel = static_cast<std::size_t>(o);
        for (std::int64_t y = 0; y < v.oh(); ++y) {
          for (std::int64_t x = 0; x < v.ow(); ++x) {
            double sum = 0;
            for (std::int64_t c = 0; c < v.channels(); ++c) {
              for (std::int64_t k = 0; k < v.kernel; ++k) {
                for (std::int64_t l = 0; l < v.kernel; ++l) {
                  const std::int64_t iy = y * v.stride - v.padding() + k * v.dilation;
                  const std::int64_t ix = x * v.stride - v.padding() + l * v.dilation;
                  if (iy < 0 || iy >= v.h || ix < 0 || ix >= v.w) continue;
                  sum += joined.at(n, c, iy, ix) * in[1].at(o, c, k, l);
                }
              }
            }
            sum = (sum - in[5].values[channel]) / std::sqrt(in[6].values[channel] + 1e-3) *
                      in[3].values[channel] +
                  in[4].values[channel];
            out[0].at(n, o, y, x) = std::max(sum, 0.0);
          }
        }
      }
    }
  };
}

// Pyramids of bins as in a pyramid pooling module, one level at half the size, windows with gaps and strides.
const Pyramid kPyramids[] = {
    {1, 16, 13, 13, 24, {{1, 8, 1, 1}, {1, 8, 2, 2}, {1, 8, 3, 3}, {1, 8, 6, 6}}},
    {2, 16, 9, 12, 16, {{2, 5, 1, 1}, {2, 11, 3, 4}}, 3, 1, 1, 7},
    {2, 8, 15, 17, 16, {{2, 16, 8, 9}}},
    {1, 16, 12, 11, 8, {{1, 16, 4, 3}}, 1},
    {1, 16, 16, 15, 16, {{1, 8, 1, 5}, {1, 8, 2, 1}}, 3, 2, 2},
    {1, 16, 5, 5, 16, {{1, 8, 5, 5}}},
};

}  // namespace

BOOST_AUTO_TEST_CASE(convolution_of_a_pyramid) {
  for (const Pyramid& pyramid : kPyramids) {
    BOOST_TEST_CONTEXT("case " << &pyramid - kPyramids) {
      const bool small_levels = &pyramid != &kPyramids[5] && &pyramid != &kPyramids[4];
      for (const AttrMap& rule : interpolation_rules()) {
        Case test = pyramid_case(pyramid);
        test.attrs.insert(rule.begin(), rule.end());
        OpHarness().check_parts(test, pyramid_reference(pyramid));
        if (small_levels) OpHarness().check(test, pyramid_reference(pyramid));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(x_at_another_place_of_the_concatenation) {
  for (const std::int64_t place : {1, 2, 4}) {
    Case test = pyramid_case(kPyramids[0]);
    test.attrs["place"] = Expr(place);
    OpHarness().check_parts(test, pyramid_reference(kPyramids[0]));
    OpHarness().check(test, pyramid_reference(kPyramids[0]));
  }
  Case beyond = pyramid_case(kPyramids[0]);
  beyond.attrs["place"] = Expr(5);
  const auto inferred = OpHarness().infer(beyond);
  BOOST_REQUIRE(!inferred.ok());
  BOOST_TEST(inferred.status().message().find("place: there are not so many levels") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(pyramid_whose_weight_does_not_fit) {
  Case test = pyramid_case(kPyramids[0]);
  test.inputs[1] = dense({24, 40, 3, 3});
  const auto inferred = OpHarness().infer(test);
  BOOST_REQUIRE(!inferred.ok());
  BOOST_TEST(inferred.status().message().find("expected f32 (24, 48, 3, 3), got f32 (24, 40, 3, 3)") !=
             std::string::npos);
}

}  // namespace graphrun::test
