#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

// linear, and convolutions with a window of one pixel whose weight is a matrix.
namespace graphrun::test {
namespace {

// visit(image, row, column) of each pixel.
template <class Visit>
void each_pixel(const Shape& shape, const Visit& visit) {
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t h = 0; h < shape[2]; ++h)
      for (std::int64_t w = 0; w < shape[3]; ++w) visit(n, h, w);
}

double weight_at(const HostTensor& weight, std::int64_t o, std::int64_t c) {
  return weight.values[static_cast<std::size_t>(o * weight.shape[1] + c)];
}

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  const HostTensor& x = in[0];
  const HostTensor& weight = in[1];
  out[0] = HostTensor::zeros({x.shape[0], weight.shape[0], x.shape[2], x.shape[3]});
  each_pixel(x.shape, [&](auto n, auto h, auto w) {
    for (std::int64_t o = 0; o < weight.shape[0]; ++o) {
      double& sum = out[0].at(n, o, h, w);
      if (in[2].present) sum = in[2].values[static_cast<std::size_t>(o)];
      for (std::int64_t c = 0; c < x.shape[1]; ++c) sum += weight_at(weight, o, c) * x.at(n, c, h, w);
    }
  });
}

struct Sizes {
  Shape x;
  std::int64_t o, gap;
};
const Sizes kSizes[] = {
    {{2, 64, 6, 5}, 40, 0}, {{1, 33, 7, 6}, 19, 5}, {{2, 150, 9, 8}, 128, 3}, {{1, 1, 1, 1}, 1, 0}};

Case layer(const Sizes& s, std::string op, bool bias) {
  AttrMap attrs{{"out_channels", Expr(s.o)}, {"bias", Expr(bias ? 1 : 0)}};
  if (op != "linear") attrs["kernel"] = Expr(1);
  return {.op = op,
          .attrs = attrs,
          .inputs = {activation(s.x, normal(), s.gap), dense({s.o, s.x[1]}), bias ? dense({s.o}) : absent()},
          .tolerance = 1e-5,
          .output_gap = s.gap,
          .kernels = {{.type = DType::f32, .names = {"onednn", "body"}},
                      {.type = DType::bf16, .names = {"onednn"}},
                      {.device = "cuda", .names = {"library"}}}};
}

const std::vector<KernelChoice> kDataKernels{{.type = DType::f32, .names = {"turned", "onednn", "body"}},
                                             {.type = DType::bf16, .names = {"turned", "onednn"}},
                                             {.device = "cuda", .names = {"library"}}};

// Products of matrices from some channels on; in bf16 the library is not asked for blocks that are not full.
std::vector<KernelChoice> weight_kernels(const Sizes& s) {
  const std::int64_t least = std::min(s.x[1], s.o);
  KernelChoice wide{.type = DType::f32, .names = {"onednn", "body"}};
  if (least >= 32) wide.names = {"products", "onednn", "body"};
  KernelChoice narrow{.type = DType::bf16, .names = {}};
  if (least >= 128) narrow.names = {"pixels"};
  return {wide, narrow, {.device = "cuda", .names = {"library"}}};
}

BOOST_AUTO_TEST_CASE(layers_of_pixels) {
  const OpHarness harness;
  for (const Sizes& sizes : kSizes) {
    for (const bool bias : {true, false}) {
      harness.check(layer(sizes, "conv2d", bias), reference);
      harness.check_variant(layer(sizes, "linear", bias), Form::eval, reference);
      harness.check_variant(layer(sizes, "linear", bias), Form::train, reference);
    }
  }
  harness.check_gradient(layer(kSizes[0], "linear", true), reference);
  harness.check_gradient(layer(kSizes[1], "linear", false), reference);
}

BOOST_AUTO_TEST_CASE(gradient_kernels_take_matrices) {
  const OpHarness harness;
  for (const Sizes& s : kSizes) {
    const Shape y{s.x[0], s.o, s.x[2], s.x[3]};
    harness.check({.op = "conv2d_grad_data",
                   .attrs = {{"kernel", Expr(1)}},
                   .inputs = {activation(y, normal(), 1), dense({s.o, s.x[1]}), activation(s.x)},
                   .tolerance = 1e-5,
                   .output_gap = s.gap,
                   .kernels = kDataKernels},
                  [](const auto& in, auto& out, const Attributes&) {
                    out[0] = HostTensor::zeros(in[2].shape);
                    each_pixel(in[2].shape, [&](auto n, auto h, auto w) {
                      for (std::int64_t o = 0; o < in[1].shape[0]; ++o)
                        for (std::int64_t c = 0; c < in[1].shape[1]; ++c)
                          out[0].at(n, c, h, w) += weight_at(in[1], o, c) * in[0].at(n, o, h, w);
                    });
                  });
    harness.check(
        {.op = "conv2d_grad_weight",
         .attrs = {{"kernel", Expr(1)}},
         .inputs = {activation(y, normal(), 1), activation(s.x, normal(), s.gap), dense({s.o, s.x[1]})},
         .tolerance = 1e-5,
         .same_bits = false,
         .kernels = weight_kernels(s)},
        [](const auto& in, auto& out, const Attributes&) {
          const std::int64_t outputs = in[2].shape[0], channels = in[2].shape[1];
          out[0] = HostTensor::zeros(in[2].shape);
          out[1] = HostTensor::zeros({outputs});
          each_pixel(in[1].shape, [&](auto n, auto h, auto w) {
            for (std::int64_t o = 0; o < outputs; ++o) {
              out[1].values[static_cast<std::size_t>(o)] += in[0].at(n, o, h, w);
              for (std::int64_t c = 0; c < channels; ++c)
                out[0].values[static_cast<std::size_t>(o * channels + c)] +=
                    in[0].at(n, o, h, w) * in[1].at(n, c, h, w);
            }
          });
        });
  }
}

BOOST_AUTO_TEST_CASE(a_matrix_is_no_window) {
  Case test = layer(kSizes[0], "conv2d", false);
  test.attrs["kernel"] = Expr(3);
  const auto result = OpHarness().infer(test);
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.status().message().find("weight: expected f32 (40, 64, 3, 3), got f32 (40, 64)") !=
                 std::string::npos,
             result.status().message());
}

}  // namespace
}  // namespace graphrun::test
