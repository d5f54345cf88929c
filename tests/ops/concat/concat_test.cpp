#include <boost/test/unit_test.hpp>

#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  Shape shape = in[0].shape;
  shape[1] = 0;
  for (const HostTensor& x : in) shape[1] += x.shape[1];
  out[0] = HostTensor::zeros(shape);
  std::int64_t channel = 0;
  for (const HostTensor& x : in)
    for (std::int64_t k = 0; k < x.shape[1]; ++k, ++channel)
      for (std::int64_t n = 0; n < shape[0]; ++n)
        for (std::int64_t y = 0; y < shape[2]; ++y)
          for (std::int64_t w = 0; w < shape[3]; ++w) out[0].at(n, channel, y, w) = x.at(n, k, y, w);
}

BOOST_AUTO_TEST_CASE(inputs_follow_each_other) {
  const OpHarness harness;
  harness.check(
      {.op = "concat",
       .inputs = {activation({2, 3, 5, 7}), activation({2, 64, 5, 7}, normal(), 4), activation({2, 1, 5, 7})},
       .tolerance = 0,
       .output_gap = 2},
      reference);
  harness.check({.op = "concat", .inputs = {activation({1, 5, 3, 2})}, .tolerance = 0}, reference);
}

BOOST_AUTO_TEST_CASE(gradient) {
  OpHarness().check_gradient(
      {.op = "concat",
       .inputs = {activation({2, 3, 2, 3}), activation({2, 4, 2, 3}), activation({2, 1, 2, 3})}},
      reference);
}

BOOST_AUTO_TEST_CASE(slices) {
  OpHarness().check({.op = "slice_channels",
                     .attrs = {{"begin", Expr(2)}, {"count", Expr(3)}},
                     .inputs = {activation({2, 6, 4, 3}, normal(), 1)},
                     .tolerance = 0,
                     .output_gap = 2},
                    [](const auto& in, auto& out, const Attributes&) {
                      out[0] = HostTensor::zeros({2, 3, 4, 3});
                      for (std::int64_t n = 0; n < 2; ++n)
                        for (std::int64_t c = 0; c < 3; ++c)
                          for (std::int64_t y = 0; y < 4; ++y)
                            for (std::int64_t w = 0; w < 3; ++w)
                              out[0].at(n, c, y, w) = in[0].at(n, c + 2, y, w);
                    });
}

BOOST_AUTO_TEST_CASE(inputs_that_do_not_fit_are_errors) {
  const OpHarness harness;
  const auto result =
      harness.infer({.op = "concat", .inputs = {activation({1, 2, 4, 4}), activation({1, 2, 4, 5})}});
  BOOST_REQUIRE(!result.ok());
  BOOST_TEST(result.status().message() == "width of input 1: expected 4, got 5");
  BOOST_TEST(!harness
                  .infer({.op = "slice_channels",
                          .attrs = {{"begin", Expr(2)}, {"count", Expr(3)}},
                          .inputs = {activation({1, 4, 2, 2})}})
                  .ok());
}

BOOST_AUTO_TEST_CASE(many_inputs) {
  const OpHarness harness;
  for (const std::int64_t channels : {8, 4, 2, 1}) {
    Case test{.op = "concat", .tolerance = 0, .output_gap = channels};
    for (int i = 0; i < 19; ++i)
      test.inputs.push_back(activation({2, channels * (1 + i % 3), 3, 5}, normal(), i % 2 * channels));
    harness.check(test, reference);
  }
}

BOOST_AUTO_TEST_CASE(bytes_of_one_scale, *needs("host")) {
  if (!has_byte_kernels()) return;
  for (const Quantisation& q : kByteScales) {
    check_bytes({.op = "concat",
                 .inputs = {{{2, 3, 5, 7}, q}, {{2, 64, 5, 7}, q, 4}, {{2, 1, 5, 7}, q}},
                 .y = q,
                 .output_gap = 2},
                reference);
  }
  const ByteCase other{
      .op = "concat", .inputs = {{{1, 3, 2, 2}, {0.5F, 3}}, {{1, 3, 2, 2}, {0.5F, 4}}}, .y = {{0.5F, 3}}};
  BOOST_TEST(bytes_are_declined(other));
}

}  // namespace
}  // namespace graphrun::test
