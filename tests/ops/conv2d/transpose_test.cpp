#include <boost/test/unit_test.hpp>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "tests/ops/conv2d/windows.h"

namespace graphrun::test {
namespace {

// The window of the convolution from y to x, whose gradient by y the transposed convolution is: `c` and `h`
// are y's, `o` are the channels of x.
struct Transposed {
  Window window;
  std::int64_t more = 0;  // output_padding

  AttrMap attrs() const {
    AttrMap attrs = window.attrs();
    attrs["output_padding"] = std::vector<Expr>{more, more};
    return attrs;
  }
};

const Transposed kCases[] = {
    {{.n = 1, .c = 16, .h = 9, .w = 11, .o = 32}},
    {{.n = 2, .c = 16, .h = 8, .w = 10, .o = 32, .kh = 2, .kw = 2, .sh = 2, .sw = 2, .ph = 0, .pw = 0}},
    {{.n = 1, .c = 16, .h = 10, .w = 8, .o = 16, .sh = 2, .sw = 2}, 1},
    {{.n = 1, .c = 16, .h = 14, .w = 14, .o = 16, .kh = 4, .kw = 4, .sh = 2, .sw = 2}},
    {{.n = 1, .c = 16, .h = 9, .w = 8, .o = 16, .ph = 2, .pw = 2, .dh = 2, .dw = 2}},
    {{.n = 1,
      .c = 24,
      .h = 8,
      .w = 10,
      .o = 24,
      .kh = 2,
      .kw = 2,
      .sh = 2,
      .sw = 2,
      .ph = 0,
      .pw = 0,
      .groups = 24}},
};

// By kernels of conv2d, whose products in bf16 want instructions for it.
const std::vector<KernelChoice> kKernels{{.type = DType::f32, .names = {"cpu"}},
                                         {.type = DType::bf16, .names = {"cpu"}}};

Case forward_case(const Transposed& v, bool bias) {
  Case test{.op = "conv_transpose2d",
            .attrs = v.attrs(),
            .inputs = {activation(v.window.y(), normal()), dense(v.window.weight(), normal(0, 0.1)),
                       bias ? dense({v.window.c}) : absent()}};
  test.attrs["out_channels"] = Expr(v.window.c);
  test.attrs["bias"] = Expr(bias ? 1 : 0);
  test.kernels = kKernels;
  // oneDNN 3's gradient by the data shares sums among its threads where the stride is wider than 1.
  test.same_bits = dnnl_version()->major < 3 || (v.window.sh == 1 && v.window.sw == 1);
  return test;
}

void transposed(const Window& v, const std::vector<HostTensor>& in, std::vector<HostTensor>& out) {
  out[0] = HostTensor::zeros(v.x());
  double* const sums = out[0].values.data();
  const double* const pixels = in[0].values.data();
  const double* const taps = in[1].values.data();
  visit_products(v, [=](auto y, auto x, auto tap) { sums[x] += pixels[y] * taps[tap]; });
  if (!in[2].present) return;
  for (std::int64_t i = 0; i < v.x().count(); ++i)
    out[0].values[static_cast<std::size_t>(i)] +=
        in[2].values[static_cast<std::size_t>(i / (v.h * v.w) % v.c)];
}

BOOST_AUTO_TEST_CASE(transposed_convolutions_and_their_gradients) {
  const OpHarness harness;
  for (const Transposed& v : kCases) {
    BOOST_TEST_CONTEXT(v.window) {
      const Reference reference = [&](const std::vector<HostTensor>& in, std::vector<HostTensor>& out,
                                      const Attributes&) { transposed(v.window, in, out); };
      for (const bool bias : {false, true}) {
        harness.check(forward_case(v, bias), reference);
        harness.check_gradient(forward_case(v, bias), reference);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(gradient_kernels) {
  const OpHarness harness;
  for (const Transposed& v : kCases) {
    BOOST_TEST_CONTEXT(v.window) {
      const Window& w = v.window;
      harness.check({.op = "conv_transpose2d_grad_data",
                     .attrs = v.attrs(),
                     .inputs = {activation(w.x()), dense(w.weight(), normal(0, 0.1)), activation(w.y())},
                     .kernels = kKernels},
                    [&](const auto& in, auto& out, const Attributes&) {
                      HostTensor none;
                      none.present = false;
                      out[0] = convolve(w, in[0], in[1], none);
                    });
      Case test{.op = "conv_transpose2d_grad_weight",
                .attrs = v.attrs(),
                .inputs = {activation(w.x()), activation(w.y()), dense(w.weight())}};
      test.kernels = kKernels;
      test.same_bits = false;  // the library's own kernel splits the sum among its threads
      harness.check(test, [&](const auto& in, auto& out, const Attributes&) {
        out[0] = HostTensor::zeros(w.weight());
        double* const sums = out[0].values.data();
        const double* const above = in[0].values.data();
        const double* const pixels = in[1].values.data();
        visit_products(w, [=](auto y, auto x, auto tap) { sums[tap] += pixels[y] * above[x]; });
        out[1] = HostTensor::zeros({w.c});
        for (std::int64_t i = 0; i < w.x().count(); ++i)
          out[1].values[static_cast<std::size_t>(i / (w.h * w.w) % w.c)] +=
              in[0].values[static_cast<std::size_t>(i)];
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(output_padding_as_large_as_the_stride_is_refused) {
  Case test = forward_case(kCases[1], false);
  test.attrs["output_padding"] = std::vector<Expr>{2, 0};
  const auto inferred = OpHarness().infer(test);
  BOOST_REQUIRE(!inferred.ok());
  BOOST_TEST(inferred.status().message().find("output_padding: expected less than stride, 2, got 2") !=
                 std::string::npos,
             inferred.status().message());
}

}  // namespace
}  // namespace graphrun::test
