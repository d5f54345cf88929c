#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

// visit(image, row, column, mean, 1/sqrt(var + eps)) of each pixel of x.
template <class Visit>
void each_pixel(const HostTensor& x, double eps, const Visit& visit) {
  const auto channels = static_cast<double>(x.shape[1]);
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t h = 0; h < x.shape[2]; ++h)
      for (std::int64_t w = 0; w < x.shape[3]; ++w) {
        double mean = 0, squares = 0;
        for (std::int64_t c = 0; c < x.shape[1]; ++c) mean += x.at(n, c, h, w) / channels;
        for (std::int64_t c = 0; c < x.shape[1]; ++c) squares += std::pow(x.at(n, c, h, w) - mean, 2);
        visit(n, h, w, mean, 1 / std::sqrt(squares / channels + eps));
      }
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  out[0] = HostTensor::zeros(in[0].shape);
  each_pixel(in[0], attrs.real("eps"), [&](auto n, auto h, auto w, double mean, double inv) {
    for (std::int64_t c = 0; c < in[0].shape[1]; ++c) {
      const auto channel = static_cast<std::size_t>(c);
      out[0].at(n, c, h, w) =
          (in[0].at(n, c, h, w) - mean) * inv * in[1].values[channel] + in[2].values[channel];
    }
  });
}

const Shape kShapes[] = {{2, 35, 5, 7}, {1, 64, 3, 3},    {1, 1, 2, 5},
                         {2, 3, 1, 1},  {1, 150, 17, 13}, {2, 96, 7, 9}};

std::vector<KernelChoice> forward_kernels(const Shape& shape) {
  KernelChoice narrow{.type = DType::bf16, .names = {"layer_norm"}};
  if (shape[1] % 32 == 0) narrow.names = {"halves", "layer_norm"};
  return {{.type = DType::f32, .names = {"layer_norm"}}, narrow, {.device = "cuda", .names = {"cuda_body"}}};
}

BOOST_AUTO_TEST_CASE(pixels_are_normalised) {
  const OpHarness harness;
  for (const Shape& shape : kShapes) {
    const Case test{.op = "layer_norm",
                    .attrs = {{"eps", Expr(1e-3)}},
                    .inputs = {activation(shape, normal(3, 2), 3), dense({shape[1]}), dense({shape[1]})},
                    .tolerance = 2e-6,
                    .output_gap = 5,
                    .kernels = forward_kernels(shape)};
    harness.check(test, reference);
    if (shape[1] == 1) continue;  // the gradient is 0 but for rounding
    harness.check_gradient(test, reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient_kernels) {
  const OpHarness harness;
  const auto gradients = [](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                            const Attributes& attrs) {
    const Shape& shape = in[1].shape;
    const auto channels = static_cast<double>(shape[1]);
    out[0] = HostTensor::zeros(shape);
    out[1] = out[2] = HostTensor::zeros({shape[1]});
    each_pixel(in[1], attrs.real("eps"), [&](auto n, auto h, auto w, double mean, double inv) {
      double sum = 0, along = 0;
      for (std::int64_t c = 0; c < shape[1]; ++c) {
        const auto channel = static_cast<std::size_t>(c);
        const double gy = in[0].at(n, c, h, w), normal = (in[1].at(n, c, h, w) - mean) * inv;
        out[1].values[channel] += gy * normal;
        out[2].values[channel] += gy;
        sum += gy * in[2].values[channel] / channels;
        along += gy * in[2].values[channel] * normal / channels;
      }
      for (std::int64_t c = 0; c < shape[1]; ++c) {
        const double normal = (in[1].at(n, c, h, w) - mean) * inv;
        out[0].at(n, c, h, w) =
            inv * (in[0].at(n, c, h, w) * in[2].values[static_cast<std::size_t>(c)] - sum - normal * along);
      }
    });
  };
  for (const Shape& shape : kShapes) {
    if (shape[1] == 1) continue;  // the gradient is 0 but for rounding
    Case test{
        .op = "layer_norm_grad",
        .inputs = {activation(shape, normal(), 1), activation(shape, normal(3, 2), 2), dense({shape[1]})},
        .tolerance = 2e-5,
        .output_gap = 3};
    harness.check(test, gradients);
    test.unwanted = {1, 2};
    harness.check(test, gradients);
  }
}

BOOST_AUTO_TEST_CASE(weights_of_another_size_are_refused) {
  const auto result =
      OpHarness().infer({.op = "layer_norm", .inputs = {activation({1, 4, 2, 2}), dense({5}), dense({4})}});
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.status().message().find("weight: expected f32 (4), got f32 (5)") != std::string::npos,
             result.status().message());
}

}  // namespace
}  // namespace graphrun::test
