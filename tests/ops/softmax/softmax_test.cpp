#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  const HostTensor& x = in[0];
  out[0] = HostTensor::zeros(x.shape);
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t y = 0; y < x.shape[2]; ++y)
      for (std::int64_t w = 0; w < x.shape[3]; ++w) {
        double max = -INFINITY;
        double sum = 0;
        for (std::int64_t c = 0; c < x.shape[1]; ++c) max = std::max(max, x.at(n, c, y, w));
        for (std::int64_t c = 0; c < x.shape[1]; ++c) sum += std::exp(x.at(n, c, y, w) - max);
        for (std::int64_t c = 0; c < x.shape[1]; ++c)
          out[0].at(n, c, y, w) = std::exp(x.at(n, c, y, w) - max) / sum;
      }
}

BOOST_AUTO_TEST_CASE(probabilities) {
  const OpHarness harness;
  harness.check({.op = "softmax",
                 .inputs = {activation({2, 150, 5, 7}, normal(0, 5), 3)},
                 .tolerance = 2e-6,
                 .output_gap = 2},
                reference);
  harness.check({.op = "softmax", .inputs = {activation({1, 3, 9, 5}, normal(1e4, 60))}, .tolerance = 2e-6},
                reference);
  harness.check({.op = "softmax", .inputs = {activation({1, 1, 2, 2})}}, reference);
  for (const std::int64_t channels : {64, 300, 1100})
    harness.check({.op = "softmax", .inputs = {activation({1, channels, 3, 2}, normal(0, 3))}}, reference);
}

BOOST_AUTO_TEST_CASE(gradient) {
  OpHarness().check_gradient({.op = "softmax", .inputs = {activation({2, 19, 3, 5}, normal(0, 2), 1)}},
                             reference);
}

BOOST_AUTO_TEST_CASE(gradient_kernel_takes_strides) {
  for (const Shape& shape : {Shape{2, 150, 5, 7}, Shape{1, 19, 33, 40}}) {
    OpHarness().check({.op = "softmax_grad",
                       .inputs = {activation(shape, normal(), 3), activation(shape, uniform(0, 0.1), 1)},
                       .tolerance = 2e-6,
                       .output_gap = 2},
                      [](const auto& in, auto& out, const Attributes&) {
                        const HostTensor& gy = in[0];
                        const HostTensor& y = in[1];
                        out[0] = y;
                        for (std::int64_t n = 0; n < y.shape[0]; ++n)
                          for (std::int64_t h = 0; h < y.shape[2]; ++h)
                            for (std::int64_t w = 0; w < y.shape[3]; ++w) {
                              double sum = 0;
                              for (std::int64_t c = 0; c < y.shape[1]; ++c)
                                sum += gy.at(n, c, h, w) * y.at(n, c, h, w);
                              for (std::int64_t c = 0; c < y.shape[1]; ++c)
                                out[0].at(n, c, h, w) *= gy.at(n, c, h, w) - sum;
                            }
                      });
  }
}

}  // namespace
}  // namespace graphrun::test
