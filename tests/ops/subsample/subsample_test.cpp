#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

Case pick(const Shape& x, int height, int width) {
  return {.op = "subsample",
          .attrs = {{"size", std::vector<Expr>{height, width}}},
          .inputs = {dense(x, integers(150, 0.1), DType::i32)}};
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const std::int64_t h = attrs.integers("size")[0];
  const std::int64_t w = attrs.integers("size")[1];
  const Shape& x = in[0].shape;
  out[0] = HostTensor::zeros({x[0], h, w});
  for (std::int64_t n = 0; n < x[0]; ++n)
    for (std::int64_t i = 0; i < h; ++i)
      for (std::int64_t j = 0; j < w; ++j) {
        const std::int64_t row = h == 1 ? 0 : i * (x[1] - 1) / (h - 1);
        const std::int64_t column = w == 1 ? 0 : j * (x[2] - 1) / (w - 1);
        out[0].values[static_cast<std::size_t>((n * h + i) * w + j)] =
            in[0].values[static_cast<std::size_t>((n * x[1] + row) * x[2] + column)];
      }
}

BOOST_AUTO_TEST_CASE(picks_the_pixels_of_a_coarser_grid) {
  const OpHarness harness;
  harness.check(pick({2, 17, 25}, 3, 4), reference);
  harness.check(pick({1, 473, 465}, 60, 59), reference);
  harness.check(pick({3, 9, 7}, 9, 7), reference);
  harness.check(pick({2, 9, 1}, 1, 1), reference);
}

BOOST_AUTO_TEST_CASE(a_grid_that_does_not_fit_is_an_error) {
  const auto type = OpHarness().infer(pick({2, 17, 25}, 6, 4));
  BOOST_TEST_REQUIRE(!type.ok());
  BOOST_TEST(type.status().message().find("height of y: expected a divisor of 16, plus 1") !=
             std::string::npos);
}

}  // namespace
}  // namespace graphrun::test
