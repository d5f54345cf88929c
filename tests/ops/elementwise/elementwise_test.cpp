#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

template <class F>
Reference pairwise(const F& f) {
  return [f](const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
    const Shape& a = in[0].shape;
    const Shape& b = in[1].shape;
    out[0] = HostTensor::zeros({a[0], std::max(a[1], b[1]), std::max(a[2], b[2]), std::max(a[3], b[3])});
    for (std::int64_t n = 0; n < a[0]; ++n)
      for (std::int64_t c = 0; c < out[0].shape[1]; ++c)
        for (std::int64_t h = 0; h < out[0].shape[2]; ++h)
          for (std::int64_t w = 0; w < out[0].shape[3]; ++w) {
            out[0].at(n, c, h, w) =
                f(in[0].at(n, std::min(c, a[1] - 1), std::min(h, a[2] - 1), std::min(w, a[3] - 1)),
                  in[1].at(n, std::min(c, b[1] - 1), std::min(h, b[2] - 1), std::min(w, b[3] - 1)));
          }
  };
}

double sum(double a, double b) { return a + b; }
double product(double a, double b) { return a * b; }

struct Pair {
  Shape a;
  Shape b;
};
const std::vector<Pair> kPairs{
    {{2, 16, 5, 7}, {2, 16, 5, 7}},     {{2, 19, 4, 6}, {2, 19, 4, 1}},  {{2, 19, 1, 6}, {2, 19, 4, 6}},
    {{1, 64, 5, 1}, {1, 64, 1, 37}},    {{2, 70, 1, 1}, {2, 70, 6, 50}}, {{1, 3, 1, 9}, {1, 3, 1, 1}},
    {{2, 16, 30, 30}, {2, 16, 30, 30}}, {{2, 19, 4, 6}, {2, 1, 4, 6}},   {{2, 1, 5, 7}, {2, 40, 5, 7}},
    {{1, 33, 1, 1}, {1, 1, 6, 5}},      {{2, 1, 1, 6}, {2, 7, 4, 1}}};

BOOST_AUTO_TEST_CASE(sums_with_broadcasting) {
  const OpHarness harness;
  for (const Pair& pair : kPairs) {
    for (const std::int64_t gap : {0, 5}) {
      Case test{.op = "add",
                .inputs = {activation(pair.a, normal(), gap), activation(pair.b)},
                .tolerance = 1e-6,
                .output_gap = gap};
      harness.check(test, pairwise(sum));
      harness.check_gradient(test, pairwise(sum));
      test.attrs = {{"activation", "relu"}};
      const auto relu_sum = pairwise([](double a, double b) { return std::max(a + b, 0.0); });
      harness.check(test, relu_sum);
      harness.check_gradient(test, relu_sum);
    }
  }
}

BOOST_AUTO_TEST_CASE(products_with_broadcasting) {
  const OpHarness harness;
  for (const Pair& pair : kPairs) {
    for (const std::int64_t gap : {0, 5}) {
      const Case test{.op = "mul",
                      .inputs = {activation(pair.a), activation(pair.b, normal(), gap)},
                      .tolerance = 1e-6,
                      .output_gap = gap};
      harness.check(test, pairwise(product));
      harness.check_gradient(test, pairwise(product));
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_over_broadcast_axes) {
  const OpHarness harness;
  const Reference reference = [](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                                 const Attributes&) {
    const Shape& g = in[0].shape;
    out[0] = HostTensor::zeros(in[1].shape);
    for (std::int64_t n = 0; n < g[0]; ++n)
      for (std::int64_t c = 0; c < g[1]; ++c)
        for (std::int64_t h = 0; h < g[2]; ++h)
          for (std::int64_t w = 0; w < g[3]; ++w) {
            const Shape& y = out[0].shape;
            out[0].at(n, std::min(c, y[1] - 1), std::min(h, y[2] - 1), std::min(w, y[3] - 1)) +=
                in[0].at(n, c, h, w);
          }
  };
  for (const Shape& like :
       {Shape{2, 70, 1, 33}, Shape{2, 70, 21, 1}, Shape{2, 70, 1, 1}, Shape{2, 70, 21, 33},
        Shape{2, 1, 21, 33}, Shape{2, 1, 1, 33}, Shape{2, 1, 1, 1}}) {
    for (const std::int64_t gap : {0, 3}) {
      harness.check({.op = "reduce_to",
                     .inputs = {activation({2, 70, 21, 33}, normal(1000, 1), gap), activation(like)},
                     .tolerance = 1e-6,
                     .output_gap = gap},
                    reference);
    }
  }
  for (const Shape& like : {Shape{3, 64, 1, 33}, Shape{3, 64, 50, 1}, Shape{3, 64, 1, 1}}) {
    harness.check({.op = "reduce_to",
                   .inputs = {activation({3, 64, 50, 33}, normal(1000, 1), 8), activation(like)},
                   .tolerance = 1e-6,
                   .output_gap = 16},
                  reference);
  }
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit_are_refused) {
  const OpHarness harness;
  for (const Shape& b : {Shape{2, 8, 4, 5}, Shape{2, 7, 4, 6}, Shape{1, 8, 4, 6}, Shape{2, 8, 2, 6}}) {
    const auto result = harness.infer({.op = "add", .inputs = {activation({2, 8, 4, 6}), activation(b)}});
    BOOST_REQUIRE(!result.ok());
    BOOST_TEST(result.status().message().find("expected") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(sums_and_products_of_bytes, *needs("host")) {
  if (!has_byte_kernels()) return;
  const Quantisation second{0.04F, 77};
  const auto relu_sum = pairwise([](double a, double b) { return std::max(a + b, 0.0); });
  for (const Pair& pair : kPairs) {
    for (const Quantisation& q : kByteScales) {
      for (const std::int64_t gap : {0, 5}) {
        const std::vector<ByteInput> inputs{{pair.a, q, gap}, {pair.b, second}};
        check_bytes({.op = "add", .inputs = inputs, .y = {{q.scale + 0.03F, 91}}, .output_gap = gap},
                    pairwise(sum));
        check_bytes({.op = "add",
                     .attrs = {{"activation", "relu"}},
                     .inputs = inputs,
                     .y = {{q.scale + 0.02F, 0}},
                     .output_gap = gap},
                    relu_sum);
        check_bytes({.op = "mul", .inputs = inputs, .y = {{q.scale * 4, 140}}, .output_gap = gap},
                    pairwise(product));
      }
    }
  }
}

}  // namespace
}  // namespace graphrun::test
