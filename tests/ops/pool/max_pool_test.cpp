#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

AttrValue pair(std::int64_t a, std::int64_t b) { return std::vector<Expr>{a, b}; }

AttrMap window(std::int64_t kh, std::int64_t kw, std::int64_t sh, std::int64_t sw, std::int64_t ph,
               std::int64_t pw) {
  return {{"kernel", pair(kh, kw)}, {"stride", pair(sh, sw)}, {"padding", pair(ph, pw)}};
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const HostTensor& x = in[0];
  const auto k = attrs.integers("kernel");
  const auto s = attrs.integers("stride");
  const auto p = attrs.integers("padding");
  const Shape shape{x.shape[0], x.shape[1], (x.shape[2] + 2 * p[0] - k[0]) / s[0] + 1,
                    (x.shape[3] + 2 * p[1] - k[1]) / s[1] + 1};
  out[0] = HostTensor::zeros(shape);
  out[1] = HostTensor::zeros(shape);
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t c = 0; c < shape[1]; ++c)
      for (std::int64_t oy = 0; oy < shape[2]; ++oy)
        for (std::int64_t ox = 0; ox < shape[3]; ++ox) {
          double best = -std::numeric_limits<double>::infinity();
          std::int64_t winner = -1;
          for (std::int64_t i = 0; i < k[0] * k[1]; ++i) {
            const std::int64_t y = oy * s[0] - p[0] + i / k[1];
            const std::int64_t w = ox * s[1] - p[1] + i % k[1];
            if (y < 0 || y >= x.shape[2] || w < 0 || w >= x.shape[3]) continue;
            if (winner < 0 || x.at(n, c, y, w) > best) best = x.at(n, c, y, w), winner = i;
          }
          out[0].at(n, c, oy, ox) = best;
          out[1].at(n, c, oy, ox) = static_cast<double>(winner);
        }
}

BOOST_AUTO_TEST_CASE(windows_of_all_kinds) {
  const OpHarness harness;
  harness.check({.op = "max_pool",
                 .attrs = window(3, 3, 2, 2, 1, 1),
                 .inputs = {activation({2, 70, 9, 8}, normal(), 3)},
                 .output_gap = 5},
                reference);
  harness.check({.op = "max_pool",
                 .attrs = window(2, 5, 3, 1, 1, 0),
                 .inputs = {activation({1, 5, 7, 11})},
                 .unwanted = {1}},
                reference);
  harness.check(
      {.op = "max_pool", .attrs = window(16, 16, 1, 1, 8, 8), .inputs = {activation({1, 64, 4, 3})}},
      reference);
}

BOOST_AUTO_TEST_CASE(the_first_of_equal_values_wins) {
  OpHarness().check({.op = "max_pool",
                     .attrs = window(3, 3, 2, 2, 1, 1),
                     .inputs = {activation({2, 3, 8, 8}, integers(2))}},
                    reference);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  harness.check_gradient({.op = "max_pool",
                          .attrs = window(3, 3, 2, 2, 1, 1),
                          .inputs = {activation({2, 67, 9, 8}, normal(), 2)}},
                         reference);
  harness.check_gradient(
      {.op = "max_pool", .attrs = window(2, 3, 3, 1, 0, 1), .inputs = {activation({1, 4, 8, 7})}}, reference);
}

BOOST_AUTO_TEST_CASE(gradient_kernel_takes_strides_and_leaves_no_hole) {
  const Shape x{1, 66, 7, 6};
  const Shape y{1, 66, 3, 2};
  OpHarness().check(
      {.op = "max_pool_grad",
       .attrs = window(2, 2, 2, 3, 0, 0),
       .inputs = {activation(y, normal(), 2), {TensorDesc::nhwc(DType::u8, y), integers(4)}, activation(x)},
       .output_gap = 7},
      [&](const auto& in, auto& out, const Attributes&) {
        out[0] = HostTensor::zeros(x);
        for (std::int64_t c = 0; c < y[1]; ++c)
          for (std::int64_t oy = 0; oy < y[2]; ++oy)
            for (std::int64_t ox = 0; ox < y[3]; ++ox) {
              const auto winner = static_cast<std::int64_t>(in[1].at(0, c, oy, ox));
              out[0].at(0, c, oy * 2 + winner / 2, ox * 3 + winner % 2) += in[0].at(0, c, oy, ox);
            }
      });
}

BOOST_AUTO_TEST_CASE(impossible_windows_are_errors) {
  const OpHarness harness;
  const auto refused = [&](AttrMap attrs) {
    return !harness.infer({.op = "max_pool", .attrs = std::move(attrs), .inputs = {activation({1, 3, 4, 4})}})
                .ok();
  };
  BOOST_TEST(refused(window(5, 3, 1, 1, 0, 0)));
  BOOST_TEST(refused(window(3, 3, 1, 1, 2, 1)));
  BOOST_TEST(refused(window(3, 3, 0, 1, 1, 1)));
  BOOST_TEST(!refused(window(4, 4, 1, 1, 0, 0)));
}

// Of whole vectors, as networks have them.
BOOST_AUTO_TEST_CASE(windows_of_3_by_3) {
  const OpHarness harness;
  for (const AttrMap& attrs : {window(3, 3, 2, 2, 1, 1), window(3, 3, 2, 2, 0, 0), window(3, 3, 2, 2, 0, 1),
                               window(3, 3, 1, 1, 1, 1), window(3, 3, 3, 2, 1, 0)}) {
    for (const auto& [h, w] : {std::pair{9, 8}, {8, 9}, {6, 3}, {3, 7}}) {
      for (const std::int64_t gap : {0, 8}) {
        harness.check({.op = "max_pool",
                       .attrs = attrs,
                       .inputs = {activation({2, 64, h, w}, integers(1000), gap)},
                       .output_gap = gap},
                      reference);
      }
      harness.check_gradient(
          {.op = "max_pool", .attrs = attrs, .inputs = {activation({2, 16, h, w}, normal(), 8)}}, reference);
    }
  }
}

BOOST_AUTO_TEST_CASE(largest_of_bytes, *needs("host")) {
  if (!has_byte_kernels()) return;
  const std::pair<AttrMap, Shape> cases[] = {{window(3, 3, 2, 2, 1, 1), {2, 70, 9, 8}},
                                             {window(2, 5, 3, 1, 1, 0), {1, 5, 7, 11}},
                                             {window(16, 16, 1, 1, 8, 8), {1, 64, 4, 3}}};
  for (const auto& [attrs, x] : cases) {
    for (const Quantisation& q : kByteScales) {
      for (const std::int64_t gap : {0, 3})
        check_bytes(
            {.op = "max_pool", .attrs = attrs, .inputs = {{x, q, gap}}, .y = q, .output_gap = 2 * gap},
            reference);
    }
  }
}

}  // namespace
}  // namespace graphrun::test
