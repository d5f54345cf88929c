#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/numeric/exp.h"

namespace graphrun::ops {
namespace {

BOOST_AUTO_TEST_CASE(within_two_units_in_the_last_place) {
  double worst = 0;
  float where = 0;
  for (std::uint64_t pattern = 0; pattern < 0x100000000u; pattern += 997) {
    const auto bits = static_cast<std::uint32_t>(pattern);
    float x = 0;
    std::memcpy(&x, &bits, sizeof x);
    if (std::isnan(x)) continue;
    const float actual = numeric::exp_float(x);
    const double exact = std::exp(static_cast<double>(x));
    if (exact > static_cast<double>(std::numeric_limits<float>::max())) {
      BOOST_REQUIRE(std::isinf(actual) || exact < 3.4028236e38);
      continue;
    }
    const auto near = static_cast<float>(exact);
    const double unit = static_cast<double>(std::nextafter(near, INFINITY)) - static_cast<double>(near);
    const double error = std::abs(static_cast<double>(actual) - exact) / unit;
    if (error > worst) worst = error, where = x;
  }
  BOOST_TEST(worst <= 2, "off by " << worst << " units at " << where);
}

BOOST_AUTO_TEST_CASE(ends_and_no_number) {
  BOOST_TEST(numeric::exp_float(0) == 1.0f);
  BOOST_TEST(numeric::exp_float(-INFINITY) == 0.0f);
  BOOST_TEST(numeric::exp_float(-3e38f) == 0.0f);
  BOOST_TEST(std::isinf(numeric::exp_float(INFINITY)));
  BOOST_TEST(std::isnan(numeric::exp_float(NAN)));
}

}  // namespace
}  // namespace graphrun::ops
