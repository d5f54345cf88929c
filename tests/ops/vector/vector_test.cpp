#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "tests/ops/harness.h"

namespace graphrun::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void blended(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  out[0] = HostTensor::zeros(in[1].shape);
  for (std::size_t i = 0; i < out[0].values.size(); ++i) {
    out[0].values[i] = in[0].values[0] * in[1].values[i];
    if (in[0].values[1] != 0) out[0].values[i] += in[0].values[1] * in[2].values[i];
  }
}

void first(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  out[0] = HostTensor::zeros({});
  const auto found = std::ranges::find_if(in[0].values, [](double value) { return !std::isfinite(value); });
  out[0].values[0] = found == in[0].values.end() ? -1 : static_cast<double>(found - in[0].values.begin());
}

BOOST_AUTO_TEST_CASE(sums_of_two_ranges) {
  const OpHarness harness;
  for (const std::int64_t count : {1, 1000, 200003}) {
    for (const double b : {0.25, 1.0, 0.0}) {
      harness.check({.op = "axpby",
                     .inputs = {dense({2}, in_order({-3, b})), dense({count}), dense({count})},
                     .tolerance = 1e-6},
                    blended);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_a_zero_multiplies_is_not_read) {
  const OpHarness harness;
  harness.check(
      {.op = "axpby",
       .inputs = {dense({2}, in_order({0.5, 0})), dense({70}), dense({70}, uniform(kInfinity, kInfinity))}},
      blended);
  BOOST_TEST(!harness.infer({.op = "axpby", .inputs = {dense({2}), dense({3}), dense({4})}}).ok());
}

BOOST_AUTO_TEST_CASE(the_first_value_that_is_not_finite) {
  const OpHarness harness;
  const std::int64_t count = 200003;
  for (const std::int64_t at : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{77777}, count - 1}) {
    for (const double value : {kInfinity, -kInfinity, std::nan("")}) {
      const Values values = [at, value, i = std::int64_t{0}](core::Random&) mutable {
        const std::int64_t k = i++;
        return k == at || (at >= 0 && k == at + 70000) ? value : 3e38;
      };
      harness.check({.op = "first_nonfinite", .inputs = {dense({count}, values)}}, first);
    }
  }
}

void moved(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  out[0] = HostTensor::zeros(in[1].shape);
  for (std::size_t i = 0; i < out[0].values.size(); ++i)
    out[0].values[i] = in[2].values[i] + in[0].values[0] * (in[1].values[i] - in[2].values[i]);
}

void squared(const std::vector<HostTensor>& in, std::vector<HostTensor>& out, const Attributes&) {
  out[0] = HostTensor::zeros({});
  for (const double value : in[0].values) out[0].values[0] += value * value;
}

BOOST_AUTO_TEST_CASE(an_average_moves_towards_values) {
  const OpHarness harness;
  for (const std::int64_t count : {1, 1000, 200003})
    harness.check({.op = "lerp",
                   .inputs = {dense({}, in_order({0.125})), dense({count}), dense({count})},
                   .tolerance = 1e-6},
                  moved);
}

BOOST_AUTO_TEST_CASE(sums_of_squares) {
  const OpHarness harness;
  for (const std::int64_t count : {1, 1000, 200003})
    harness.check({.op = "sum_of_squares", .inputs = {dense({count})}, .tolerance = 1e-12}, squared);
}

}  // namespace
}  // namespace graphrun::test
