#include <boost/test/unit_test.hpp>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

void reference(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  const HostTensor& x = in[0];
  out[0] = HostTensor::zeros({x.shape[0], x.shape[2], x.shape[3]});
  std::size_t pixel = 0;
  for (std::int64_t n = 0; n < x.shape[0]; ++n)
    for (std::int64_t y = 0; y < x.shape[2]; ++y)
      for (std::int64_t w = 0; w < x.shape[3]; ++w, ++pixel) {
        std::int64_t best = 0;
        for (std::int64_t c = 1; c < x.shape[1]; ++c)
          if (x.at(n, c, y, w) > x.at(n, best, y, w)) best = c;
        out[0].values[pixel] = static_cast<double>(best);
      }
}

BOOST_AUTO_TEST_CASE(the_largest_channel_and_the_first_of_equals) {
  const OpHarness harness;
  harness.check({.op = "argmax", .inputs = {activation({2, 150, 5, 7}, normal(), 3)}}, reference);
  harness.check({.op = "argmax", .inputs = {activation({2, 37, 9, 11}, integers(4))}}, reference);
  harness.check({.op = "argmax", .inputs = {activation({1, 1, 3, 3})}}, reference);
  harness.check({.op = "argmax", .inputs = {activation({1, 600, 3, 4}, integers(50))}}, reference);
}

}  // namespace
}  // namespace graphrun::test
