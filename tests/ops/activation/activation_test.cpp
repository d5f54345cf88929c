#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

template <class F>
Reference each(const F& f) {
  return [f](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
    out[0] = in[0];
    for (std::size_t i = 0; i < out[0].values.size(); ++i) out[0].values[i] = f(in[0].values[i]);
  };
}

template <class F>
Reference each_pair(const F& f) {
  return [f](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
    out[0] = in[0];
    for (std::size_t i = 0; i < out[0].values.size(); ++i)
      out[0].values[i] = f(in[0].values[i], in[1].values[i]);
  };
}

double relu(double x) { return x > 0 ? x : 0; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

const std::vector<Shape> kShapes{{2, 16, 5, 7}, {1, 3, 1, 1}, {1, 37, 1, 9}, {2, 16, 30, 33}};

BOOST_AUTO_TEST_CASE(relu_and_its_gradient) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    for (const std::int64_t gap : {0, 5}) {
      const Case relu_case{.op = "relu", .inputs = {activation(shape, normal(), gap)}, .output_gap = 2 * gap};
      harness.check(relu_case, each(relu));
      harness.check_gradient(relu_case, each(relu));
      harness.check({.op = "relu_grad",
                     .inputs = {activation(shape, normal(), gap), activation(shape, uniform(-1, 1))},
                     .output_gap = gap},
                    each_pair([](double gy, double y) { return y > 0 ? gy : 0; }));
    }
  }
}

BOOST_AUTO_TEST_CASE(relu_keeps_nan) {
  const OpHarness harness;
  const auto y = harness.run({.op = "relu", .inputs = {activation({1, 1, 1, 2}, in_order({NAN, -1}))}});
  BOOST_TEST(std::isnan((*y)[0].values[0]));
  BOOST_TEST((*y)[0].values[1] == 0);
}

BOOST_AUTO_TEST_CASE(sigmoid_and_its_gradient) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    for (const std::int64_t gap : {0, 3}) {
      const Case sigmoid_case{.op = "sigmoid",
                              .inputs = {activation(shape, normal(0, 5), gap)},
                              .tolerance = 1e-6,
                              .output_gap = gap};
      harness.check(sigmoid_case, each(sigmoid));
      harness.check_gradient(sigmoid_case, each(sigmoid));
      harness.check({.op = "sigmoid_grad",
                     .inputs = {activation(shape, normal(), gap), activation(shape, uniform(0, 1))},
                     .tolerance = 1e-6},
                    each_pair([](double gy, double y) { return gy * y * (1 - y); }));
    }
  }
}

BOOST_AUTO_TEST_CASE(sigmoid_of_extremes) {
  const OpHarness harness;
  const auto y =
      harness.run({.op = "sigmoid", .inputs = {activation({1, 1, 1, 3}, in_order({-1000, 1000, NAN}))}});
  BOOST_TEST((*y)[0].values[0] < 1e-37);
  BOOST_TEST((*y)[0].values[1] == 1);
  BOOST_TEST(std::isnan((*y)[0].values[2]));
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const OpHarness harness;
  BOOST_TEST(!harness.infer({.op = "relu", .inputs = {dense({4})}}).ok());
  BOOST_TEST(
      !harness.infer({.op = "relu_grad", .inputs = {activation({1, 2, 3, 4}), activation({1, 2, 4, 3})}})
           .ok());
}

}  // namespace
}  // namespace graphrun::test
