#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>

#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/skip.h"

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

struct Smooth {
  std::string op;
  AttrMap attrs;
  double (*f)(double x);
};

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double with_tanh(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}
double six(double x) { return std::min(std::max(x, 0.0), 6.0); }

// Where rounding to bf16 does not lead to a kink, whose slope central differences do not know.
Values away_from_kinks() {
  return [draw = normal(0, 4)](core::Random& random) {
    const double x = draw(random);
    bool near = false;
    for (const double kink : {-3.0, 0.0, 3.0, 6.0}) near = near || std::abs(x - kink) < 0.1;
    return near ? x + 0.5 : x;
  };
}

// Values around 0, and some far from it on both sides.
BOOST_AUTO_TEST_CASE(activations_with_a_gradient_from_x) {
  const OpHarness harness;
  const Smooth all[] = {
      {"relu6", {}, six},
      {"leaky_relu", {}, [](double x) { return x > 0 ? x : 0.01 * x; }},
      {"leaky_relu", {{"slope", Expr(0.25)}}, [](double x) { return x > 0 ? x : 0.25 * x; }},
      {"hard_sigmoid", {}, [](double x) { return six(x + 3) / 6; }},
      {"hard_swish", {}, [](double x) { return x * six(x + 3) / 6; }},
      {"silu", {}, [](double x) { return x * logistic(x); }},
      {"gelu", {}, [](double x) { return x * normal_distribution(x); }},
      {"gelu", {{"approximate", "tanh"}}, with_tanh}};
  for (const Smooth& test : all) {
    for (const Shape& shape : kShapes) {
      for (const double deviation : {1.0, 8.0}) {
        const Case forward{.op = test.op,
                           .attrs = test.attrs,
                           .inputs = {activation(shape, normal(0, deviation), 3)},
                           .tolerance = 1e-6,
                           .output_gap = 5};
        harness.check(forward, each(test.f));
        harness.check_gradient(forward, each(test.f));
      }
    }
    const auto slope = each_pair([&](double gy, double x) {
      constexpr double kStep = 1e-5;
      return gy * (test.f(x + kStep) - test.f(x - kStep)) / (2 * kStep);
    });
    harness.check(
        {.op = test.op + "_grad",
         .attrs = test.attrs,
         .inputs = {activation({2, 37, 5, 7}, normal(), 2), activation({2, 37, 5, 7}, away_from_kinks())},
         .tolerance = 1e-5,
         .output_gap = 1},
        slope);
  }
}

BOOST_AUTO_TEST_CASE(kinks_have_the_gradients_of_the_field) {
  const OpHarness harness;
  const auto gradient = [&](const std::string& op, double x) {
    return (*harness.run(
        {.op = op,
         .inputs = {activation({1, 1, 1, 1}, in_order({1})), activation({1, 1, 1, 1}, in_order({x}))}}))[0]
        .values[0];
  };
  BOOST_TEST(gradient("relu6_grad", 0) == 0);
  BOOST_TEST(gradient("relu6_grad", 6) == 0);
  BOOST_TEST(gradient("hard_sigmoid_grad", -3) == 0);
  BOOST_TEST(gradient("hard_sigmoid_grad", 3) == 0);
  BOOST_TEST(gradient("leaky_relu_grad", 0) == 0.01, boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_CASE(activations_of_extremes) {
  const OpHarness harness;
  for (const char* op : {"silu", "gelu", "hard_swish", "relu6", "hard_sigmoid", "leaky_relu"}) {
    const auto y =
        harness.run({.op = op, .inputs = {activation({1, 1, 1, 3}, in_order({-1000, 1000, NAN}))}});
    BOOST_TEST(std::abs((*y)[0].values[0]) <= 10, op);
    BOOST_TEST((*y)[0].values[1] > 0.9, op);
    BOOST_TEST(std::isnan((*y)[0].values[2]), op);
  }
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_refused) {
  const OpHarness harness;
  BOOST_TEST(!harness.infer({.op = "relu", .inputs = {dense({4})}}).ok());
  BOOST_TEST(
      !harness.infer({.op = "relu_grad", .inputs = {activation({1, 2, 3, 4}), activation({1, 2, 4, 3})}})
           .ok());
}

BOOST_AUTO_TEST_CASE(functions_of_bytes, *needs("host")) {
  if (!has_byte_kernels()) return;
  const std::vector<Smooth> functions{
      {"relu", {}, relu},
      {"sigmoid", {}, sigmoid},
      {"relu6", {}, six},
      {"leaky_relu", {{"slope", Expr(0.1)}}, [](double x) { return x > 0 ? x : 0.1 * x; }},
      {"hard_sigmoid", {}, [](double x) { return six(x + 3) / 6; }},
      {"hard_swish", {}, [](double x) { return x * six(x + 3) / 6; }},
      {"silu", {}, [](double x) { return x * logistic(x); }},
      {"gelu", {}, [](double x) { return x * normal_distribution(x); }},
      {"gelu", {{"approximate", "tanh"}}, with_tanh}};
  for (const Smooth& function : functions) {
    for (const Shape& shape : kShapes) {
      for (const Quantisation& q : kByteScales) {
        for (const Quantisation& y : {Quantisation{0.03F, 0}, Quantisation{0.02F, 37}})
          check_bytes({.op = function.op,
                       .attrs = function.attrs,
                       .inputs = {{shape, q, 5}},
                       .y = y,
                       .output_gap = 2},
                      each(function.f));
      }
    }
  }
}

}  // namespace
}  // namespace graphrun::test
