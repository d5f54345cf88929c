#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/ops/resampling.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

AttrMap size(std::int64_t h, std::int64_t w, AttrMap rule = {}) {
  rule["size"] = std::vector<Expr>{h, w};
  return rule;
}

// By rows, unless they become less than half as wide.
std::vector<KernelChoice> kernels(bool by_rows) {
  return {{.names = by_rows ? std::vector<std::string_view>{"resize_rows", "resize"}
                            : std::vector<std::string_view>{"resize"}}};
}
std::vector<KernelChoice> gradient_kernels(bool by_rows) {
  return {{.names = by_rows ? std::vector<std::string_view>{"resize_grad_rows", "resize_grad"}
                            : std::vector<std::string_view>{"resize_grad"}}};
}

HostTensor resized(const HostTensor& x, std::int64_t h, std::int64_t w, const Attributes& attrs) {
  HostTensor y = HostTensor::zeros({x.shape[0], x.shape[1], h, w});
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t c = 0; c < x.shape[1]; ++c)
      for (std::int64_t i = 0; i < h; ++i)
        for (std::int64_t j = 0; j < w; ++j) {
          const Mixture row = mixture(attrs, i, x.shape[2], h);
          const Mixture column = mixture(attrs, j, x.shape[3], w);
          const auto blend = [&](std::int64_t at) {
            return (1 - row.weight) * x.at(n, c, row.first, at) + row.weight * x.at(n, c, row.second, at);
          };
          y.at(n, c, i, j) = (1 - column.weight) * blend(column.first) + column.weight * blend(column.second);
        }
  return y;
}

void by_size(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  out[0] = resized(in[0], attrs.integers("size")[0], attrs.integers("size")[1], attrs);
}

BOOST_AUTO_TEST_CASE(larger_smaller_equal_and_single) {
  const OpHarness harness;
  const auto check = [&](const Shape& x, std::int64_t h, std::int64_t w, std::int64_t gap) {
    for (const AttrMap& rule : interpolation_rules()) {
      harness.check({.op = "resize",
                     .attrs = size(h, w, rule),
                     .inputs = {activation(x, normal(), gap)},
                     .tolerance = 2e-6,
                     .output_gap = gap,
                     .kernels = kernels(x[3] <= 2 * w)},
                    by_size);
    }
  };
  check({2, 70, 6, 5}, 17, 23, 3);
  check({1, 150, 7, 7}, 49, 49, 0);
  check({2, 5, 9, 13}, 9, 13, 1);
  check({2, 5, 9, 13}, 4, 7, 0);
  check({2, 67, 9, 31}, 3, 4, 2);
  check({2, 5, 1, 7}, 6, 7, 0);
  check({2, 5, 8, 1}, 8, 5, 2);
  check({1, 3, 1, 1}, 4, 5, 0);
  check({1, 3, 4, 5}, 1, 1, 0);
}

BOOST_AUTO_TEST_CASE(like_gives_the_size) {
  const OpHarness harness;
  const auto reference = [](const auto& in, auto& out, const Attributes& attrs) {
    const int rank = in[1].shape.rank();
    out[0] = resized(in[0], in[1].shape[rank - 2], in[1].shape[rank - 1], attrs);
  };
  harness.check({.op = "resize",
                 .inputs = {activation({2, 3, 4, 5}), activation({2, 8, 9, 11})},
                 .tolerance = 2e-6,
                 .kernels = kernels(true)},
                reference);
  harness.check({.op = "resize",
                 .inputs = {activation({2, 3, 4, 5}), dense({2, 9, 11}, integers(3), DType::i32)},
                 .tolerance = 2e-6,
                 .kernels = kernels(true)},
                reference);
  BOOST_TEST(!harness.infer({.op = "resize", .inputs = {activation({2, 3, 4, 5})}}).ok());
  BOOST_TEST(!harness
                  .infer({.op = "resize",
                          .attrs = size(3, 3),
                          .inputs = {activation({2, 3, 4, 5}), activation({2, 3, 4, 5})}})
                  .ok());
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  for (const AttrMap& rule : interpolation_rules()) {
    for (const auto& [h, w] : {std::pair{17, 23}, {6, 5}, {3, 2}, {1, 1}}) {
      harness.check_gradient(
          {.op = "resize", .attrs = size(h, w, rule), .inputs = {activation({2, 7, 6, 5}, normal(), 2)}},
          by_size);
    }
  }
  harness.check_gradient({.op = "resize", .attrs = size(5, 9), .inputs = {activation({2, 3, 1, 4})}},
                         by_size);
}

// <resize(x), gy> = <x, resize_grad(gy)> for each channel, by the reference's weights.
BOOST_AUTO_TEST_CASE(gradient_kernels_are_the_adjoint) {
  const OpHarness harness;
  const auto adjoint = [](const auto& in, auto& out, const Attributes& attrs) {
    const Shape& x = in[1].shape;
    const std::int64_t h = in[0].shape[2], w = in[0].shape[3];
    out[0] = HostTensor::zeros(x);
    HostTensor unit = HostTensor::zeros({1, 1, x[2], x[3]});
    for (std::int64_t k = 0; k < x[2] * x[3]; ++k) {
      unit.values[static_cast<std::size_t>(k)] = 1;
      const HostTensor weights = resized(unit, h, w, attrs);
      unit.values[static_cast<std::size_t>(k)] = 0;
      for (std::int64_t n = 0; n < x[0]; ++n)
        for (std::int64_t c = 0; c < x[1]; ++c)
          for (std::int64_t i = 0; i < h; ++i)
            for (std::int64_t j = 0; j < w; ++j)
              out[0].at(n, c, k / x[3], k % x[3]) += weights.at(0, 0, i, j) * in[0].at(n, c, i, j);
    }
  };
  const auto check = [&](const Shape& x, std::int64_t h, std::int64_t w) {
    for (const AttrMap& rule : interpolation_rules()) {
      harness.check({.op = "resize_grad",
                     .attrs = rule,
                     .inputs = {activation({x[0], x[1], h, w}, normal(), 2), activation(x)},
                     .tolerance = 4e-6,
                     .output_gap = 3,
                     .kernels = gradient_kernels(x[3] <= 2 * w)},
                    adjoint);
    }
  };
  check({2, 300, 3, 4}, 11, 9);
  check({1, 5, 6, 5}, 6, 5);
  check({2, 5, 7, 9}, 3, 4);
  check({2, 5, 1, 9}, 40, 9);
  check({2, 5, 4, 1}, 4, 30);
  check({1, 3, 5, 5}, 1, 1);
}

BOOST_AUTO_TEST_CASE(sizes_of_bytes, *needs("host")) {
  if (!has_byte_kernels()) return;
  struct {
    Shape x;
    std::int64_t h, w, gap;
  } const cases[] = {{{2, 70, 6, 5}, 17, 23, 3}, {{1, 150, 7, 7}, 49, 49, 0}, {{2, 5, 9, 13}, 4, 7, 0},
                     {{2, 67, 9, 31}, 3, 4, 2},  {{2, 5, 1, 7}, 6, 7, 0},     {{1, 3, 1, 1}, 4, 5, 0}};
  for (const auto& [x, h, w, gap] : cases) {
    for (const AttrMap& rule : interpolation_rules()) {
      for (const Quantisation& q : kByteScales)
        check_bytes({.op = "resize",
                     .attrs = size(h, w, rule),
                     .inputs = {{x, q, gap}},
                     .y = q,
                     .output_gap = gap,
                     .tolerance = 2e-2},
                    by_size);
    }
  }
}

}  // namespace
}  // namespace graphrun::test
