#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

template <class Visit>
void each(const HostTensor& x, const Visit& visit) {
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t c = 0; c < x.shape[1]; ++c)
      for (std::int64_t h = 0; h < x.shape[2]; ++h)
        for (std::int64_t w = 0; w < x.shape[3]; ++w) visit(n, c, h, w);
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  out[0] = in[0];
  each(in[0], [&](auto n, auto c, auto h, auto w) {
    out[0].at(n, c, h, w) *= in[1].values[static_cast<std::size_t>(c)];
  });
}

const Shape kShapes[] = {{2, 35, 5, 7}, {1, 64, 3, 3}, {1, 1, 2, 5}, {2, 3, 1, 1}, {1, 150, 17, 13}};

BOOST_AUTO_TEST_CASE(channels_are_scaled) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    const Case test{.op = "layer_scale",
                    .inputs = {activation(shape, normal(), 3), dense({shape[1]})},
                    .tolerance = 1e-6,
                    .output_gap = 5};
    harness.check(test, reference);
    harness.check_gradient(test, reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient_of_the_factors) {
  for (const Shape& shape : kShapes) {
    OpHarness().check({.op = "layer_scale_grad_weight",
                       .inputs = {activation(shape, normal(), 1), activation(shape, normal(), 2)},
                       .tolerance = 1e-6,
                       .least_scale = 1},
                      [](const auto& in, auto& out, const Attributes&) {
                        out[0] = HostTensor::zeros({in[0].shape[1]});
                        each(in[0], [&](auto n, auto c, auto h, auto w) {
                          out[0].values[static_cast<std::size_t>(c)] +=
                              in[0].at(n, c, h, w) * in[1].at(n, c, h, w);
                        });
                      });
  }
}

BOOST_AUTO_TEST_CASE(factors_of_another_size_are_refused) {
  const auto result =
      OpHarness().infer({.op = "layer_scale", .inputs = {activation({1, 4, 2, 2}), dense({5})}});
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.status().message().find("layer_scale_parameter: expected f32 (4), got f32 (5)") !=
                 std::string::npos,
             result.status().message());
}

}  // namespace
}  // namespace graphrun::test
