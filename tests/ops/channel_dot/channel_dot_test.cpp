#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  const Shape& shape = in[0].shape;
  out[0] = HostTensor::zeros({shape[0], 1, shape[2], shape[3]});
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t c = 0; c < shape[1]; ++c)
      for (std::int64_t y = 0; y < shape[2]; ++y)
        for (std::int64_t x = 0; x < shape[3]; ++x)
          out[0].at(n, 0, y, x) += in[0].at(n, c, y, x) * in[1].at(n, c, y, x);
}

Case pair(const Shape& shape, std::int64_t gap = 0) {
  return {.op = "channel_dot",
          .inputs = {activation(shape, normal(), gap), activation(shape, normal(), 2 * gap)},
          .tolerance = 1e-5,
          .output_gap = gap};
}

BOOST_AUTO_TEST_CASE(sums_the_products_of_channels) {
  const OpHarness harness;
  for (const std::int64_t channels : {1, 3, 16, 37, 128})
    harness.check(pair({2, channels, 5, 7}, 3), reference);
  harness.check(pair({1, 64, 1, 1}), reference);
}

BOOST_AUTO_TEST_CASE(gradient) { OpHarness().check_gradient(pair({2, 5, 3, 4}, 1), reference); }

BOOST_AUTO_TEST_CASE(maps_of_two_sizes_are_an_error) {
  const auto type = OpHarness().infer(
      {.op = "channel_dot", .inputs = {activation({1, 4, 3, 3}), activation({1, 4, 3, 4})}});
  BOOST_TEST(!type.ok());
}

}  // namespace
}  // namespace graphrun::test
