#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  const HostTensor& a = in[0];
  const HostTensor& x = in[1];
  out[0] = HostTensor::zeros({x.shape[0], x.shape[1], a.shape[2], a.shape[3]});
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t c = 0; c < x.shape[1]; ++c)
      for (std::int64_t h = 0; h < a.shape[2]; ++h)
        for (std::int64_t w = 0; w < a.shape[3]; ++w)
          for (std::int64_t k = 0; k < a.shape[1]; ++k)
            out[0].at(n, c, h, w) += a.at(n, k, h, w) * x.at(n, c, k / x.shape[3], k % x.shape[3]);
}

Case product(const Shape& a, const Shape& x, std::int64_t gap = 0) {
  return {.op = "matmul",
          .inputs = {activation(a, normal(), gap), activation(x, normal(), 2 * gap)},
          .tolerance = 1e-5,
          .output_gap = gap};
}

BOOST_AUTO_TEST_CASE(sums_of_pixels) {
  const OpHarness harness;
  harness.check(product({2, 20, 3, 7}, {2, 13, 4, 5}), reference);
  harness.check(product({2, 20, 3, 7}, {2, 70, 4, 5}, 3), reference);
  harness.check(product({1, 225, 15, 15}, {1, 64, 15, 15}), reference);
  harness.check(product({1, 1, 1, 1}, {1, 1, 1, 1}), reference);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  harness.check_gradient(product({2, 6, 3, 4}, {2, 5, 2, 3}, 1), reference);
  harness.check_gradient(product({1, 12, 2, 2}, {1, 33, 3, 4}), reference);
}

BOOST_AUTO_TEST_CASE(gradient_kernels_take_strides) {
  const OpHarness harness;
  const auto sums = [](const HostTensor& gy, const auto& term) {
    for (std::int64_t n = 0; n < gy.shape[0]; ++n)
      for (std::int64_t c = 0; c < gy.shape[1]; ++c)
        for (std::int64_t h = 0; h < gy.shape[2]; ++h)
          for (std::int64_t w = 0; w < gy.shape[3]; ++w) term(n, c, h, w, gy.at(n, c, h, w));
  };
  const InputCase gy = activation({2, 13, 3, 7}, normal(), 3);
  const InputCase x = activation({2, 13, 4, 5}, normal(), 1);
  harness.check({.op = "matmul_grad_a", .inputs = {gy, x}, .output_gap = 2},
                [&](const auto& in, auto& out, const Attributes&) {
                  out[0] = HostTensor::zeros({2, 20, 3, 7});
                  sums(in[0], [&](auto n, auto c, auto h, auto w, double g) {
                    for (std::int64_t k = 0; k < 20; ++k)
                      out[0].at(n, k, h, w) += g * in[1].at(n, c, k / 5, k % 5);
                  });
                });
  harness.check(
      {.op = "matmul_grad_x", .inputs = {gy, activation({2, 20, 3, 7}, normal(), 2), x}, .output_gap = 2},
      [&](const auto& in, auto& out, const Attributes&) {
        out[0] = HostTensor::zeros({2, 13, 4, 5});
        sums(in[0], [&](auto n, auto c, auto h, auto w, double g) {
          for (std::int64_t k = 0; k < 20; ++k) out[0].at(n, c, k / 5, k % 5) += g * in[1].at(n, k, h, w);
        });
      });
}

BOOST_AUTO_TEST_CASE(extents_must_agree) {
  const auto types = OpHarness().infer(product({1, 19, 3, 7}, {1, 13, 4, 5}));
  BOOST_TEST_REQUIRE(!types.ok());
  BOOST_TEST(types.status().message().find("channels of a, one for each pixel of x: expected 20, got 19") !=
             std::string::npos);
}

}  // namespace
}  // namespace graphrun::test
