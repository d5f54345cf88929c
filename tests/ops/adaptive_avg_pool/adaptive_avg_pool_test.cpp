#include <boost/test/unit_test.hpp>
#include <cmath>

#include "tests/ops/byte_case.h"
#include "tests/ops/harness.h"
#include "tests/skip.h"

namespace graphrun::test {
namespace {

AttrMap bins(std::int64_t h, std::int64_t w) { return {{"output", std::vector<Expr>{h, w}}}; }

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes& attrs) {
  const HostTensor& x = in[0];
  Shape shape = x.shape;
  for (int axis = 0; axis < 2; ++axis) {
    const std::int64_t count = attrs.integers("output")[static_cast<std::size_t>(axis)];
    if (count != 0) shape[axis + 2] = count;
  }
  const auto edge = [](std::int64_t bin, std::int64_t extent, std::int64_t count) {
    return static_cast<double>(bin) * static_cast<double>(extent) / static_cast<double>(count);
  };
  out[0] = HostTensor::zeros(shape);
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t c = 0; c < shape[1]; ++c)
      for (std::int64_t oy = 0; oy < shape[2]; ++oy)
        for (std::int64_t ox = 0; ox < shape[3]; ++ox) {
          double sum = 0;
          int count = 0;
          for (std::int64_t y = 0; y < x.shape[2]; ++y)
            for (std::int64_t w = 0; w < x.shape[3]; ++w) {
              const auto holds = [&](std::int64_t bin, std::int64_t i, std::int64_t extent,
                                     std::int64_t all) {
                return static_cast<double>(i) >= std::floor(edge(bin, extent, all)) &&
                       static_cast<double>(i) < std::ceil(edge(bin + 1, extent, all));
              };
              if (!holds(oy, y, x.shape[2], shape[2]) || !holds(ox, w, x.shape[3], shape[3])) continue;
              sum += x.at(n, c, y, w);
              ++count;
            }
          out[0].at(n, c, oy, ox) = sum / count;
        }
}

BOOST_AUTO_TEST_CASE(bins_that_divide_overlap_and_outnumber) {
  const OpHarness harness;
  harness.check({.op = "adaptive_avg_pool",
                 .attrs = bins(5, 3),
                 .inputs = {activation({2, 70, 15, 12}, normal(), 3)},
                 .tolerance = 1e-6,
                 .output_gap = 1},
                reference);
  for (const auto& [h, w] : {std::pair{1, 1}, {4, 3}, {20, 12}, {0, 2}, {3, 0}}) {
    harness.check({.op = "adaptive_avg_pool",
                   .attrs = bins(h, w),
                   .inputs = {activation({1, 65, 11, 7})},
                   .tolerance = 1e-6},
                  reference);
  }
}

BOOST_AUTO_TEST_CASE(large_offsets_keep_their_precision) {
  OpHarness().check({.op = "adaptive_avg_pool",
                     .attrs = bins(1, 1),
                     .inputs = {activation({1, 3, 61, 67}, uniform(1000, 1001))},
                     .tolerance = 1e-7},
                    reference);
}

BOOST_AUTO_TEST_CASE(gradient) {
  const OpHarness harness;
  for (const auto& [h, w] : {std::pair{5, 3}, {4, 9}, {1, 1}, {0, 13}}) {
    harness.check_gradient(
        {.op = "adaptive_avg_pool", .attrs = bins(h, w), .inputs = {activation({2, 66, 10, 9}, normal(), 2)}},
        reference);
  }
}

BOOST_AUTO_TEST_CASE(gradient_kernel_takes_strides) {
  OpHarness().check({.op = "adaptive_avg_pool_grad",
                     .inputs = {activation({2, 70, 3, 2}, normal(), 4), activation({2, 70, 6, 10})},
                     .tolerance = 1e-6,
                     .output_gap = 2},
                    [](const auto& in, auto& out, const Attributes&) {
                      out[0] = HostTensor::zeros(in[1].shape);
                      for (std::int64_t n = 0; n < 2; ++n)
                        for (std::int64_t c = 0; c < 70; ++c)
                          for (std::int64_t y = 0; y < 6; ++y)
                            for (std::int64_t w = 0; w < 10; ++w)
                              out[0].at(n, c, y, w) = in[0].at(n, c, y / 2, w / 5) / 10;
                    });
}

// Of whole vectors, with regions that are worth sharing out.
BOOST_AUTO_TEST_CASE(many_channels_and_pixels) {
  const OpHarness harness;
  for (const auto& [h, w] : {std::pair{1, 1}, {6, 6}, {40, 3}, {1, 29}}) {
    for (const std::int64_t gap : {0, 8}) {
      const Case test{.op = "adaptive_avg_pool",
                      .attrs = bins(h, w),
                      .inputs = {activation({2, 64, 33, 29}, uniform(10, 11), gap)},
                      .tolerance = 1e-6,
                      .output_gap = gap};
      harness.check(test, reference);
    }
    harness.check_gradient(
        {.op = "adaptive_avg_pool", .attrs = bins(h, w), .inputs = {activation({2, 64, 10, 9}, normal(), 8)}},
        reference);
  }
}

// Their scale is their own, and they may be wide.
BOOST_AUTO_TEST_CASE(averages_of_bytes, *needs("host")) {
  if (!has_byte_kernels()) return;
  for (const auto& [h, w] : {std::pair{5, 3}, {1, 1}, {6, 6}, {20, 12}, {0, 2}}) {
    for (const Quantisation& q : kByteScales) {
      ByteCase test{.op = "adaptive_avg_pool",
                    .attrs = bins(h, w),
                    .inputs = {{{2, 67, 15, 11}, q, 3}},
                    .y = {{q.scale / 2, 256 - q.zero_point / 2 - 100}},
                    .output_gap = 1};
      check_bytes(test, reference);
      test.y.reset();
      test.tolerance = 1e-6;
      check_bytes(test, reference);
      test.wide = DType::bf16;
      test.tolerance = 5e-3;
      check_bytes(test, reference);
    }
  }
}

}  // namespace
}  // namespace graphrun::test
