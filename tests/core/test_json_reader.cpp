#include <boost/test/unit_test.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "runtime/core/json_reader.h"

namespace core = graphrun::core;

namespace {

double real(const std::string& text) {
  rapidjson::Document document;
  const rapidjson::ParseResult result = core::read_json(text, document);
  BOOST_TEST_REQUIRE(!result.IsError(), text);
  BOOST_TEST_REQUIRE(document.IsDouble(), text);
  return document.GetDouble();
}

}  // namespace

BOOST_AUTO_TEST_CASE(zero_is_zero_whatever_its_exponent) {
  for (const char* text : {"0e0", "0e42", "0e-24", "0E+240", "0.000e-75", "0.0000000000e-2147483639"}) {
    BOOST_TEST(real(text) == 0, text);
    BOOST_TEST(!std::signbit(real(text)), text);
    BOOST_TEST(std::signbit(real(std::string("-") + text)), text);
  }
}

BOOST_AUTO_TEST_CASE(what_is_too_small_is_zero) {
  const std::string texts[] = {"1e-324", "8E-325", "1.5e-2147483640", "0." + std::string(400, '0') + "1"};
  for (const std::string& text : texts) BOOST_TEST(real(text) == 0, text);
  BOOST_TEST(real("4.9e-324") == std::numeric_limits<double>::denorm_min());
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_refused_where_it_stands) {
  const std::string texts[] = {"1e309",
                               "-54e308",
                               "0.037e312",
                               "17976931348623159e292",
                               "9" + std::string(308, '9'),
                               "1" + std::string(400, '0')};
  for (const std::string& text : texts) {
    rapidjson::Document document;
    const rapidjson::ParseResult result = core::read_json("[0, " + text + "]", document);
    BOOST_TEST(result.Code() == rapidjson::kParseErrorNumberTooBig, text);
    BOOST_TEST(result.Offset() == 4U, text);
    BOOST_TEST(document.IsNull(), text);
  }
  BOOST_TEST(real("17976931348623157e292") == std::numeric_limits<double>::max());
}

// Halfway cases and digits beyond the nineteenth, of which the nearest double depends on all.
BOOST_AUTO_TEST_CASE(a_real_is_the_nearest_double) {
  const std::pair<const char*, double> cases[] = {
      {"0.1", 0.1},
      {"9007199254740993.0", 9007199254740992.0},
      {"9007199254740993.00000000000000000000001", 9007199254740994.0},
      {"825819203408850162724", 825819203408850162724.0},
      {"9.39026612569652253606810229E-17", 9.39026612569652253606810229E-17},
      {"2.2250738585072011e-308", 2.2250738585072011e-308},
      {"18446744073709551616", 18446744073709551616.0}};
  for (const auto& [text, value] : cases) BOOST_TEST(real(text) == value, text);
}

BOOST_AUTO_TEST_CASE(integers_are_integers_as_far_as_64_bits_go) {
  rapidjson::Document document;
  const std::string text = "[0, -0, -2147483648, 4294967296, -9223372036854775808, 18446744073709551615]";
  BOOST_TEST_REQUIRE(!core::read_json(text, document).IsError());
  BOOST_TEST(document[0].IsInt());
  BOOST_TEST(document[1].GetInt() == 0);
  BOOST_TEST(document[2].GetInt() == std::numeric_limits<std::int32_t>::min());
  BOOST_TEST(document[3].GetInt64() == std::int64_t{1} << 32);
  BOOST_TEST(document[4].GetInt64() == std::numeric_limits<std::int64_t>::min());
  BOOST_TEST(document[5].GetUint64() == std::numeric_limits<std::uint64_t>::max());
}
