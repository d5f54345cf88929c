#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

// visit(image, channel, row, column) of a group of an image.
template <class Visit>
void each_of_group(const Shape& x, std::int64_t groups, std::int64_t n, std::int64_t group,
                   const Visit& visit) {
  const std::int64_t size = x[1] / groups;
  for (std::int64_t c = group * size; c < (group + 1) * size; ++c)
    for (std::int64_t h = 0; h < x[2]; ++h)
      for (std::int64_t w = 0; w < x[3]; ++w) visit(n, c, h, w);
}

// visit(image, group, mean, 1/sqrt(var + eps), elements)
template <class Visit>
void each_group(const HostTensor& x, const Attributes& attrs, const Visit& visit) {
  const std::int64_t groups = attrs.integer("groups");
  const auto count = static_cast<double>(x.shape[1] / groups * x.shape[2] * x.shape[3]);
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t group = 0; group < groups; ++group) {
      double mean = 0, squares = 0;
      each_of_group(x.shape, groups, n, group, [&](auto... at) { mean += x.at(at...) / count; });
      each_of_group(x.shape, groups, n, group,
                    [&](auto... at) { squares += std::pow(x.at(at...) - mean, 2); });
      visit(n, group, mean, 1 / std::sqrt(squares / count + attrs.real("eps")), count);
    }
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  out[0] = HostTensor::zeros(in[0].shape);
  each_group(in[0], attrs, [&](auto n, auto group, double mean, double inv, double) {
    each_of_group(in[0].shape, attrs.integer("groups"), n, group, [&](auto i, auto c, auto h, auto w) {
      const auto channel = static_cast<std::size_t>(c);
      out[0].at(i, c, h, w) =
          (in[0].at(i, c, h, w) - mean) * inv * in[1].values[channel] + in[2].values[channel];
    });
  });
}

void gradients(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const Shape& shape = in[1].shape;
  const std::int64_t groups = attrs.integer("groups");
  out[0] = HostTensor::zeros(shape);
  out[1] = out[2] = HostTensor::zeros({shape[1]});
  each_group(in[1], attrs, [&](auto n, auto group, double mean, double inv, double count) {
    double sum = 0, along = 0;
    each_of_group(shape, groups, n, group, [&](auto i, auto c, auto h, auto w) {
      const auto channel = static_cast<std::size_t>(c);
      const double gy = in[0].at(i, c, h, w), normal = (in[1].at(i, c, h, w) - mean) * inv;
      out[1].values[channel] += gy * normal;
      out[2].values[channel] += gy;
      sum += gy * in[2].values[channel] / count;
      along += gy * in[2].values[channel] * normal / count;
    });
    each_of_group(shape, groups, n, group, [&](auto i, auto c, auto h, auto w) {
      const double normal = (in[1].at(i, c, h, w) - mean) * inv;
      out[0].at(i, c, h, w) =
          inv * (in[0].at(i, c, h, w) * in[2].values[static_cast<std::size_t>(c)] - sum - normal * along);
    });
  });
}

struct Sizes {
  Shape x;
  std::int64_t groups;
};
const Sizes kSizes[] = {{{2, 36, 5, 7}, 4}, {{1, 64, 3, 3}, 32}, {{2, 8, 6, 5}, 8}, {{3, 70, 4, 3}, 1}};

BOOST_AUTO_TEST_CASE(groups_are_normalised) {
  const OpHarness harness;
  for (const auto& [shape, groups] : kSizes) {
    Case test{.op = "group_norm",
              .attrs = {{"eps", Expr(1e-3)}, {"groups", Expr(groups)}},
              .inputs = {activation(shape, normal(3, 2), 3), dense({shape[1]}), dense({shape[1]})},
              .tolerance = 4e-6,
              .output_gap = 5};
    harness.check(test, reference);
    harness.check_gradient(test, reference);
    test.op = "group_norm_grad";
    test.inputs = {activation(shape, normal(), 1), activation(shape, normal(3, 2), 2), dense({shape[1]})};
    test.tolerance = 2e-5;
    harness.check(test, gradients);
    test.unwanted = {1, 2};
    harness.check(test, gradients);
  }
}

BOOST_AUTO_TEST_CASE(groups_that_do_not_divide_the_channels_are_refused) {
  const auto result = OpHarness().infer({.op = "group_norm",
                                         .attrs = {{"groups", Expr(3)}},
                                         .inputs = {activation({1, 4, 2, 2}), dense({4}), dense({4})}});
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.status().message().find("expected a multiple of groups, 3, got 4") != std::string::npos,
             result.status().message());
}

}  // namespace
}  // namespace graphrun::test
