#include <boost/test/unit_test.hpp>

#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

AttrMap axis(const char* name) { return {{"axis", std::string(name)}}; }

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const HostTensor& x = in[0];
  const bool row = attrs.text("axis") == "row";
  Shape shape = x.shape;
  shape[row ? 3 : 2] = 1;
  out[0] = HostTensor::zeros(shape);
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t c = 0; c < x.shape[1]; ++c)
      for (std::int64_t y = 0; y < x.shape[2]; ++y)
        for (std::int64_t w = 0; w < x.shape[3]; ++w)
          out[0].at(n, c, row ? y : 0, row ? 0 : w) +=
              x.at(n, c, y, w) / static_cast<double>(x.shape[row ? 3 : 2]);
}

BOOST_AUTO_TEST_CASE(averages_of_rows_and_columns) {
  const OpHarness harness;
  for (const char* name : {"row", "column"}) {
    harness.check(
        {.op = "strip_pool", .attrs = axis(name), .inputs = {activation({2, 70, 9, 13})}, .tolerance = 1e-6},
        reference);
    harness.check({.op = "strip_pool",
                   .attrs = axis(name),
                   .inputs = {activation({2, 515, 5, 7}, normal(), 6)},
                   .tolerance = 1e-6,
                   .output_gap = 3},
                  reference);
    harness.check({.op = "strip_pool", .attrs = axis(name), .inputs = {activation({1, 3, 1, 1})}}, reference);
    harness.check({.op = "strip_pool",
                   .attrs = axis(name),
                   .inputs = {activation({1, 2, 300, 299}, uniform(1000, 1001))},
                   .tolerance = 1e-7},
                  reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  for (const char* name : {"row", "column"}) {
    harness.check_gradient(
        {.op = "strip_pool", .attrs = axis(name), .inputs = {activation({2, 5, 7, 9}, normal(), 2)}},
        reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient_kernel_takes_strides) {
  OpHarness().check({.op = "strip_pool_grad",
                     .attrs = axis("row"),
                     .inputs = {activation({2, 600, 3, 1}, normal(), 4), activation({2, 600, 3, 5})},
                     .output_gap = 2},
                    [](const auto& in, auto& out, const Attributes&) {
                      out[0] = HostTensor::zeros(in[1].shape);
                      for (std::int64_t n = 0; n < 2; ++n)
                        for (std::int64_t c = 0; c < 600; ++c)
                          for (std::int64_t y = 0; y < 3; ++y)
                            for (std::int64_t w = 0; w < 5; ++w)
                              out[0].at(n, c, y, w) = in[0].at(n, c, y, 0) / 5;
                    });
}

// Of whole vectors.
BOOST_AUTO_TEST_CASE(many_channels) {
  const OpHarness harness;
  for (const char* name : {"row", "column"}) {
    for (const std::int64_t gap : {0, 8}) {
      const Case test{.op = "strip_pool",
                      .attrs = axis(name),
                      .inputs = {activation({2, 320, 21, 37}, uniform(10, 11), gap)},
                      .tolerance = 1e-6,
                      .output_gap = gap};
      harness.check(test, reference);
    }
    harness.check_gradient(
        {.op = "strip_pool", .attrs = axis(name), .inputs = {activation({2, 64, 7, 9}, normal(), 8)}},
        reference);
  }
}

// Their scale is their own, and they may be wide.
BOOST_AUTO_TEST_CASE(averages_of_bytes, *needs("host")) {
  if (!has_byte_kernels()) return;
  for (const char* name : {"row", "column"}) {
    for (const Shape& x :
         {Shape{2, 70, 9, 13}, Shape{2, 515, 5, 7}, Shape{1, 3, 1, 1}, Shape{1, 33, 60, 61}}) {
      for (const Quantisation& q : kByteScales) {
        for (const std::int64_t gap : {0, 3}) {
          ByteCase test{.op = "strip_pool",
                        .attrs = axis(name),
                        .inputs = {{x, q, gap}},
                        .y = {{q.scale / 2, 130}},
                        .output_gap = gap};
          check_bytes(test, reference);
          test.y.reset();
          test.tolerance = 1e-5;
          check_bytes(test, reference);
        }
      }
    }
  }
}

}  // namespace
}  // namespace graphrun::test
