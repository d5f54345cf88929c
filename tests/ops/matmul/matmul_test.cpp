#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"
#include "tests/ops/test_backend.h"
#include "tests/skip.h"

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

const std::vector<KernelChoice> kKernels{{.type = DType::f32, .names = {"onednn"}},
                                         {.type = DType::bf16, .names = {"onednn_bf16"}},
                                         {.device = "cuda", .names = {"cublas"}}};

Case product(const Shape& a, const Shape& x, std::int64_t gap = 0) {
  return {.op = "matmul",
          .inputs = {activation(a, normal(), gap), activation(x, normal(), 2 * gap)},
          .tolerance = 1e-5,
          .output_gap = gap,
          .kernels = kKernels};
}

BOOST_AUTO_TEST_CASE(sums_of_pixels) {
  const OpHarness harness;
  harness.check(product({2, 20, 3, 7}, {2, 13, 4, 5}), reference);
  harness.check(product({2, 20, 3, 7}, {2, 70, 4, 5}, 3), reference);
  harness.check(product({1, 225, 15, 15}, {1, 64, 15, 15}), reference);
  harness.check(product({1, 1, 1, 1}, {1, 1, 1, 1}), reference);
}

// All cases are tried in bf16; this one shows where the CPU leaves that out.
BOOST_AUTO_TEST_CASE(products_in_bf16, *needs("bf16")) {
  const Status has_bf16 = test_backend()->check_precision(DType::bf16);
  if (!has_bf16.ok()) return skip(has_bf16.message());
  OpHarness().check(product({2, 20, 3, 7}, {2, 13, 4, 5}), reference);
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
  harness.check({.op = "matmul_grad_a", .inputs = {gy, x}, .output_gap = 2, .kernels = kKernels},
                [&](const auto& in, auto& out, const Attributes&) {
                  out[0] = HostTensor::zeros({2, 20, 3, 7});
                  sums(in[0], [&](auto n, auto c, auto h, auto w, double g) {
                    for (std::int64_t k = 0; k < 20; ++k)
                      out[0].at(n, k, h, w) += g * in[1].at(n, c, k / 5, k % 5);
                  });
                });
  harness.check({.op = "matmul_grad_x",
                 .inputs = {gy, activation({2, 20, 3, 7}, normal(), 2), x},
                 .output_gap = 2,
                 .kernels = kKernels},
                [&](const auto& in, auto& out, const Attributes&) {
                  out[0] = HostTensor::zeros({2, 13, 4, 5});
                  sums(in[0], [&](auto n, auto c, auto h, auto w, double g) {
                    for (std::int64_t k = 0; k < 20; ++k)
                      out[0].at(n, c, k / 5, k % 5) += g * in[1].at(n, k, h, w);
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
